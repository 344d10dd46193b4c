import * as account from './account.ts';
import * as activation from './activation.ts';
import type { Route } from './route.ts';
import * as session from './session.ts';
import * as totp from './totp.ts';

/** All routes of `/subscriber/v1`. */
export const routes: readonly Route[] = [account, activation, session, totp].flatMap((room) => Object.values(room));
