import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { pathsOf } from '../config.ts';
import { pinCost } from '../crypto/argon2.ts';
import { buildApi } from '../http/api.ts';
import { clientHandlers } from '../http/clients.ts';
import { followEpoch } from '../http/epoch.ts';
import { apiContract } from '../ipc/api-contract.ts';
import { caContract } from '../ipc/ca-contract.ts';
import { connectIpc } from '../ipc/client.ts';
import { serveIpc } from '../ipc/server.ts';
import { signerContract } from '../ipc/signer-contract.ts';
import { purgeGrants } from '../store/api/grants.ts';
import { apiDomain } from '../store/api/tables.ts';
import { purgeThrottles } from '../store/api/throttles.ts';
import { type Boot, keysFor, requireLink } from './boot.ts';
import { every } from './every.ts';
import { listening } from './listening.ts';
import { log } from './log.ts';
import { openDomain } from './stores.ts';

/** The HTTP side. It loads no PKCS#11 library, knows no token PIN, and reaches signer and ca by their contracts only. */
export async function startApiProcess(boot: Boot) {
  const { config, tier } = boot;
  const how = listening(boot, systemClock.now());
  const paths = pathsOf(config);
  const { host, port, trustedProxies } = config.http;
  const signer = connectIpc({
    path: paths.socket('signer'),
    contract: signerContract,
    link: 'api',
    key: requireLink(boot, 'api-signer'),
  });
  const ca = connectIpc({
    path: paths.socket('ca'),
    contract: caContract,
    link: 'api',
    key: requireLink(boot, 'api-ca'),
  });
  const store = await openDomain(config, apiDomain);
  const app = await buildApi({
    config: {
      ...how,
      name: config.name,
      tier,
      trustedProxies,
      log: { level: 'warn', stream: process.stderr },
      passwordCost: pinCost,
    },
    signer,
    ca,
    store,
    clock: systemClock,
  });
  const operator = await serveIpc({
    path: paths.socket('api'),
    contract: apiContract,
    handlers: clientHandlers(store),
    keys: keysFor('api', boot),
    onError: (error, method) => log('call failed', { process: 'api', method, error }),
  });
  const epochs = every(500, async () => {
    if (signer.connected()) await followEpoch(store, signer, systemClock);
  });
  const purge = every(60_000, () =>
    store.write(async (tx) => {
      await purgeGrants(tx, systemClock.now());
      await purgeThrottles(tx, systemClock.now());
    }),
  );
  await app.listen({ host, port }).catch((cause: unknown) => {
    throw new KysoError('configuration', `cannot listen on ${host}:${port}: choose another port (--port)`, { cause });
  });
  return {
    async stop() {
      await app.close();
      await operator.close();
      await epochs.stop();
      await purge.stop();
      signer.close();
      ca.close();
      await store.close();
    },
  };
}
