import type { PkiRoutes } from './plugin.ts';

/** All that is served over plain HTTP, too. */
export const pkiGroups: readonly PkiRoutes[] = [];
