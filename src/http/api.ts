import type { FastifyInstance } from 'fastify';
import type { Clock } from '../base/clock.ts';
import type { CaContract } from '../ipc/ca-contract.ts';
import type { Peer } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { seedClients } from '../store/api/clients.ts';
import type { ApiStore } from '../store/api/tables.ts';
import type { ApiConfig } from './config.ts';
import { loadTokenKey } from './csc/access-tokens.ts';
import { cscApi } from './csc/plugin.ts';
import { docsPages } from './docs/plugin.ts';
import { loginDesk } from './logins.ts';
import { logoRoute } from './logo.ts';
import { opsApi } from './ops/plugin.ts';
import { pkiGroups } from './pki/groups.ts';
import { type PkiParts, pkiParts } from './pki/parts.ts';
import { pkiApi } from './pki/plugin.ts';
import { refreshTokens } from './refresh.ts';
import { createServer } from './server.ts';
import { subscriberApi } from './subscriber/plugin.ts';

export type { ApiConfig } from './config.ts';

export type ApiParts = {
  config: ApiConfig;
  signer: Peer<SignerContract>;
  ca: Peer<CaContract>;
  store: ApiStore;
  clock: Clock;
  /** Where another listener shares it; who gives it closes it after all of them. */
  pki?: PkiParts;
};

/**
 * The HTTP server with all its APIs, ready to `listen()` or `inject()`. Each API is a plugin with its own errors and its
 * own authentication; none of them knows more of signer and ca than their contracts. The caller closes the store.
 */
export async function buildApi({ config, signer, ca, store, clock, pki: shared }: ApiParts): Promise<FastifyInstance> {
  const tokenKey = await store.write(async (tx) => {
    await seedClients(tx, clock.now());
    return loadTokenKey(tx);
  });
  const logins = loginDesk({ store, clock, cost: config.passwordCost });
  const refresh = refreshTokens({ store, clock });

  const app = createServer(config);
  await app.register(cscApi({ config, signer, ca, store, clock, logins, refresh, tokenKey }), { prefix: '/csc/v1' });
  const { publicUrl } = config;
  await app.register(subscriberApi({ signer, store, clock, logins, tokenKey, publicUrl }), {
    prefix: '/subscriber/v1',
  });
  await app.register(opsApi({ config, signer, ca, store }), { prefix: '/health' });
  const pki = shared ?? pkiParts(ca, clock);
  if (!shared) app.addHook('onClose', async () => pki.close());
  await app.register(pkiApi(pki, pkiGroups));
  await app.register(docsPages(config.publicUrl));
  await app.register(logoRoute);
  await app.ready();
  return app;
}
