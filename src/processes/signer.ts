import { existsSync, readFileSync } from 'node:fs';
import { startSigner } from '../activation/start.ts';
import { upkeep } from '../activation/upkeep.ts';
import type { Watermark } from '../activation/watermark.ts';
import { systemClock } from '../base/clock.ts';
import { kindOf } from '../base/errors.ts';
import { pathsOf } from '../config.ts';
import { pinCost } from '../crypto/argon2.ts';
import { connectIpc } from '../ipc/client.ts';
import { notifyContract } from '../ipc/notify-contract.ts';
import { serveIpc } from '../ipc/server.ts';
import { signerContract } from '../ipc/signer-contract.ts';
import { signerDomain } from '../store/signer/tables.ts';
import { type Boot, keysFor, requireLink, requireSecret } from './boot.ts';
import { every } from './every.ts';
import { unfixable } from './lifecycle.ts';
import { log } from './log.ts';
import { replaceFile } from './replace-file.ts';
import { openDomain } from './stores.ts';
import { openToken } from './tokens.ts';

const markInterval = 10_000;

/** A store that is set back under a running signer, as by a replica that lagged behind, ends it: nothing is signed on it. */
async function keepMark(watermark: Watermark): Promise<void> {
  try {
    await watermark.keep();
  } catch (error) {
    log('watermark', { error });
    if (kindOf(error) === 'configuration') process.exit(unfixable);
  }
}

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
  const { signer, handlers, notices, watermark } = await startSigner({
    store,
    token,
    clock: systemClock,
    instance: config.instance,
    pinCost,
    ...(config.codes && { codeLimits: config.codes }),
    notify,
    onError: (error) => log('signer', { error }),
    markFile: {
      read: () => (existsSync(paths.watermark) ? readFileSync(paths.watermark, 'utf8') : undefined),
      write: (text) => replaceFile(paths.watermark, text),
    },
    keepBackup: (backup) => replaceFile(paths.backup, JSON.stringify(backup)),
  });
  const server = await serveIpc({
    path: paths.socket('signer'),
    contract: signerContract,
    handlers,
    keys: keysFor('signer', boot),
    onError: (error, method) => log('call failed', { process: 'signer', method, error }),
  });
  const timer = every(1_000, () => upkeep(signer));
  const marks = every(markInterval, () => keepMark(watermark));
  return {
    async stop() {
      await server.close();
      await timer.stop();
      // What was refused since the last time goes into the log, and new leaves get their positions.
      await upkeep(signer).catch((error: unknown) => log('upkeep failed', { error }));
      await marks.stop();
      await keepMark(watermark);
      await notices.stop();
      notify.close();
      await token.stop();
      await store.close();
    },
  };
}
