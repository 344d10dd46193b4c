import { isIP } from 'node:net';
import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf } from '../config.ts';
import { pinCost } from '../crypto/argon2.ts';
import { buildApi } from '../http/api.ts';
import { clientHandlers } from '../http/clients.ts';
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
import { log } from './log.ts';
import { openDomain } from './stores.ts';

/** The HTTP side. It loads no PKCS#11 library, knows no token PIN, and reaches signer and ca by their contracts only. */
export async function startApiProcess(boot: Boot) {
  const { config, tier } = boot;
  assertSafeAddress(config);
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
      publicUrl: publicUrl(config),
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
      await purge.stop();
      signer.close();
      ca.close();
      await store.close();
    },
  };
}

/** Where clients reach the server: as configured, or its own address. */
export function publicUrl(config: Config): string {
  const { host, port, publicUrl: configured } = config.http;
  return configured ?? `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** Plain HTTP only where nobody else can listen: on loopback, or behind a proxy that was named (design §8). */
function assertSafeAddress({ http: { host, trustedProxies } }: Config): void {
  const loopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  if (loopback || trustedProxies.length > 0) return;
  throw new KysoError(
    'configuration',
    `plain HTTP on ${host} would carry PINs in the clear: listen on 127.0.0.1, or name the TLS proxy in http.trustedProxies`,
  );
}
