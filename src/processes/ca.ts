import { systemClock } from '../base/clock.ts';
import { carryOut } from '../ca/carry-out.ts';
import { type ClockState, type WatchedClock, watchClock } from '../ca/clock.ts';
import { openAuthority } from '../ca/context.ts';
import { startCrlPublisher } from '../ca/crl-publisher.ts';
import { type Expiring, expiryAlarms } from '../ca/expiry-alarms.ts';
import { outsideFetch } from '../ca/external/fetch.ts';
import { pollOutside } from '../ca/external/poll.ts';
import { startFeed } from '../ca/feed.ts';
import { kernelClock } from '../ca/kernel-clock.ts';
import { ocspResponder } from '../ca/ocsp.ts';
import { assertTokenOfStore } from '../ca/own-token.ts';
import { resumeRevocations } from '../ca/revoke.ts';
import { rollovers } from '../ca/rollover.ts';
import { sandboxIssuer } from '../ca/sandbox.ts';
import { examplePolicy, timestampAuthority } from '../ca/tsa.ts';
import { pathsOf, pkiUrls } from '../config.ts';
import type { Backup } from '../hsm/backup-file.ts';
import { caContract } from '../ipc/ca-contract.ts';
import { connectIpc } from '../ipc/client.ts';
import { serveIpc } from '../ipc/server.ts';
import { signerContract } from '../ipc/signer-contract.ts';
import { profiles } from '../pki/profiles.ts';
import { caDomain } from '../store/ca/tables.ts';
import { sequenceLeaves } from '../store/log.ts';
import { type Boot, keysFor, requireLink, requireSecret } from './boot.ts';
import { caHandlers } from './ca-handlers.ts';
import { every } from './every.ts';
import { log } from './log.ts';
import { replaceFile } from './replace-file.ts';
import { openDomain } from './stores.ts';
import { openToken } from './tokens.ts';
import { kysoVersion } from './version.ts';

/** The certification authority, and the feed that tells signer what may sign. */
export async function startCaProcess(boot: Boot) {
  const { config } = boot;
  const tokenPin = requireSecret(boot, 'token-pin');
  const paths = pathsOf(config);
  const onError = (error: unknown) => log('ca', { error });
  const clock = systemClock;
  const store = await openDomain(config, caDomain);
  const token = await openToken(config, 'ca', tokenPin);
  const mode = config.mode === 'sandbox' ? 'sandbox' : 'production';
  await assertTokenOfStore(store, token, clock);
  const { profile = 'individual', policies = [] } = config.pki ?? {};
  const authority = await openAuthority({
    ...{ store, token, clock, mode, urls: pkiUrls(config) },
    ...{ profile: profiles[profile], policies },
  });
  const signer = connectIpc({
    path: paths.socket('signer'),
    contract: signerContract,
    link: 'ca',
    key: requireLink(boot, 'ca-signer'),
  });
  const feed = startFeed({ authority, signer, onError });
  const issuer = sandboxIssuer(authority, feed, onError);
  const resume = async () => void issuer.resume().catch(onError);
  void resume();
  const crls = startCrlPublisher({ authority, onError });
  const begin = (lineHash: string) => void carryOut(authority, feed, lineHash).catch(onError);
  const time = watchClock(clock, mode === 'sandbox' ? undefined : kernelClock);
  const responder = ocspResponder(authority, onError);
  const policy = config.tsa?.policy ?? examplePolicy;
  const tell = (count: number) => log('timestamps given', { process: 'ca', count });
  const tsa = timestampAuthority({ authority, clock: time, policy, report: onError, tell });
  const version = kysoVersion();
  const keepBackup = (backup: Backup) => replaceFile(paths.caBackup, JSON.stringify(backup));
  const alarms = expiryAlarms(authority.pki, clock, reportExpiry);
  alarms.check();
  const outside = outsideFetch({ privateAddresses: config.external?.privateAddresses ?? false });
  const server = await serveIpc({
    path: paths.socket('ca'),
    contract: caContract,
    handlers: caHandlers({
      authority,
      store,
      token,
      issuer,
      carryOut: begin,
      time,
      responder,
      tsa,
      feed,
      crls,
      alarms,
      rollovers: rollovers({ authority, token, version, keepBackup }),
    }),
    keys: keysFor('ca', boot),
    onError: (error, method) => log('call failed', { process: 'ca', method, error }),
  });
  /** What runs beside the calls, and is stopped in this order. */
  const running = [
    crls,
    every(1_000, () => resumeRevocations(authority)),
    every(10_000, resume),
    every(5_000, () => pollOutside(authority, outside).finally(() => feed.wake())),
    every(1_000, async () => {
      if (config.store.engine === 'postgresql') await sequenceLeaves(store);
    }),
    every(500, reportChanges(time)),
    every(60_000, async () => alarms.check()),
    // The end of a revocation that was interrupted may have been an authority's own.
    every(60_000, () => authority.pki.reload()),
  ];
  return {
    async stop() {
      // The feed ends first: calls that wait for it would otherwise hold up the server's end.
      await feed.close();
      await server.close();
      for (const part of running) await part.stop();
      signer.close();
      await token.stop();
      await store.close();
    },
  };
}

/** Logs when the clock becomes one that timestamps may not be made by, and when it is good again. */
function reportChanges(time: WatchedClock): () => Promise<void> {
  let known: ClockState = 'trusted';
  return async () => {
    const clock = time.state();
    if (clock !== known) log('clock', { process: 'ca', clock });
    known = clock;
  };
}

/** An authority, a responder or a time-stamping unit ends soon, or has (S85). */
function reportExpiry({ id, notAfter, threshold, rollover }: Expiring): void {
  log(threshold === 0 ? 'authority has ended' : 'authority ends soon', {
    ...{ process: 'ca', id, at: new Date(notAfter).toISOString(), withinDays: threshold },
    mend: `kyso ca rollover ${rollover}`,
  });
}
