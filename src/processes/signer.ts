import { startSigner } from '../activation/start.ts';
import { upkeep } from '../activation/upkeep.ts';
import { systemClock } from '../base/clock.ts';
import { pathsOf } from '../config.ts';
import { pinCost } from '../crypto/argon2.ts';
import { connectIpc } from '../ipc/client.ts';
import { notifyContract } from '../ipc/notify-contract.ts';
import { serveIpc } from '../ipc/server.ts';
import { signerContract } from '../ipc/signer-contract.ts';
import { signerDomain } from '../store/signer/tables.ts';
import { type Boot, keysFor, requireLink, requireSecret } from './boot.ts';
import { every } from './every.ts';
import { log } from './log.ts';
import { openDomain } from './stores.ts';
import { openToken } from './tokens.ts';

/** The signature activation module: the only process that can open a subscriber's key. */
export async function startSignerProcess(boot: Boot) {
  const { config } = boot;
  const tokenPin = requireSecret(boot, 'token-pin');
  const paths = pathsOf(config);
  const store = await openDomain(config, signerDomain);
  const token = await openToken(config, 'signer', tokenPin);
  const notify = connectIpc({
    path: paths.socket('notify'),
    contract: notifyContract,
    link: 'signer',
    key: requireLink(boot, 'signer-notify'),
  });
  const { signer, handlers, notices } = await startSigner({
    store,
    token,
    clock: systemClock,
    instance: config.instance,
    pinCost,
    ...(config.codes && { codeLimits: config.codes }),
    notify,
    onError: (error) => log('signer', { error }),
  });
  const server = await serveIpc({
    path: paths.socket('signer'),
    contract: signerContract,
    handlers,
    keys: keysFor('signer', boot),
    onError: (error, method) => log('call failed', { process: 'signer', method, error }),
  });
  const timer = every(1_000, () => upkeep(signer));
  return {
    async stop() {
      await server.close();
      await timer.stop();
      // What was refused since the last time goes into the log, and new leaves get their positions.
      await upkeep(signer).catch((error: unknown) => log('upkeep failed', { error }));
      await notices.stop();
      notify.close();
      await token.stop();
      await store.close();
    },
  };
}
