import { ocspRoutes } from './ocsp.ts';
import type { PkiRoutes } from './plugin.ts';
import { tsaRoutes } from './tsa.ts';

/** All that is served over plain HTTP, too. */
export const pkiGroups: readonly PkiRoutes[] = [ocspRoutes, tsaRoutes];
