import { login } from './auth-login.ts';
import { revoke } from './auth-revoke.ts';
import { credentialsAuthorize } from './credentials-authorize.ts';
import { extendTransaction } from './credentials-extend-transaction.ts';
import { credentialsInfo } from './credentials-info.ts';
import { credentialsList } from './credentials-list.ts';
import { sendOTP } from './credentials-send-otp.ts';
import { info } from './info.ts';
import type { CscMethod } from './method.ts';
import { signHash } from './signatures-sign-hash.ts';
import { timestamp } from './signatures-timestamp.ts';

/** The one list of methods: the routes and `info.methods` come from it, in this order. */
export const methods: readonly CscMethod[] = [
  info,
  login,
  revoke,
  credentialsList,
  credentialsInfo,
  credentialsAuthorize,
  extendTransaction,
  sendOTP,
  signHash,
  timestamp,
];
