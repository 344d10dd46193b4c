import type { FastifyInstance } from 'fastify';
import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { pathsOf, pkiUrls } from '../config.ts';
import { pinCost } from '../crypto/argon2.ts';
import { type ApiConfig, buildApi } from '../http/api.ts';
import { clientHandlers } from '../http/clients.ts';
import { followEpoch } from '../http/epoch.ts';
import { pkiParts } from '../http/pki/parts.ts';
import { buildPki } from '../http/pki/server.ts';
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
  const apiConfig: ApiConfig = {
    ...how,
    name: config.name,
    tier,
    trustedProxies,
    log: { level: 'warn', stream: process.stderr },
    passwordCost: pinCost,
  };
  const clock = systemClock;
  const pki = pkiParts(ca, clock);
  const app = await buildApi({ config: apiConfig, signer, ca, store, clock, pki });
  const plain = config.pki?.listen && { ...config.pki.listen, app: await buildPki(apiConfig, pki) };
  if (how.tls && !plain) log('pki', { why: `certificates name ${pkiUrls(config).ocsp}: ${unserved}` });
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
  await listen(app, host, port, 'choose another port (--port)');
  if (plain) await listen(plain.app, plain.host, plain.port, 'choose another port in pki.listen');
  return {
    async stop() {
      await Promise.all([app.close(), plain?.app.close()]);
      pki.close();
      await operator.close();
      await epochs.stop();
      await purge.stop();
      signer.close();
      ca.close();
      await store.close();
    },
  };
}

const unserved =
  'over plain HTTP nothing of Kyso answers there, since this server speaks TLS; give pki.listen an address, or have ' +
  'something in front pass that address on';

/** @throws KysoError configuration — nothing can listen there */
async function listen(app: FastifyInstance, host: string, port: number, help: string): Promise<void> {
  await app.listen({ host, port }).catch((cause: unknown) => {
    const forbidden = cause instanceof Error && 'code' in cause && cause.code === 'EACCES';
    const why = forbidden ? `this user may not listen below 1024 (docs/operations.md); ${help}` : help;
    throw new KysoError('configuration', `cannot listen on ${host}:${port}: ${why}`, { cause });
  });
}
