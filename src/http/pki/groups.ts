import { caRoutes } from './ca.ts';
import { crlRoutes } from './crl.ts';
import { ocspRoutes } from './ocsp.ts';
import type { PkiRoutes } from './plugin.ts';
import { tsaRoutes } from './tsa.ts';

/** All that is served over plain HTTP, too. */
export const pkiGroups: readonly PkiRoutes[] = [caRoutes, crlRoutes, ocspRoutes, tsaRoutes];
