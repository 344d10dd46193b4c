import { startSigner } from '../activation/start.ts';
import { upkeep } from '../activation/upkeep.ts';
import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { pathsOf } from '../config.ts';
import { pinCost } from '../crypto/argon2.ts';
import { serveIpc } from '../ipc/server.ts';
import { signerContract } from '../ipc/signer-contract.ts';
import { signerDomain } from '../store/signer/tables.ts';
import { type Boot, keysFor } from './boot.ts';
import { every } from './every.ts';
import { log } from './log.ts';
import { openDomain } from './stores.ts';
import { openToken } from './tokens.ts';

/** The signature activation module: the only process that can open a subscriber's key. */
export async function startSignerProcess(boot: Boot) {
  const { config } = boot;
  if (!boot.tokenPin) throw new KysoError('configuration', "the PIN of signer's token is missing");
  const paths = pathsOf(config);
  const store = await openDomain(config, signerDomain);
  const token = await openToken(config, 'signer', boot.tokenPin);
  const sandboxDirectory = config.mode === 'sandbox' ? paths.activation : undefined;
  const { signer, handlers } = await startSigner({
    store,
    token,
    clock: systemClock,
    instance: config.instance,
    sandboxDirectory,
    pinCost,
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
      await token.stop();
      await store.close();
    },
  };
}
