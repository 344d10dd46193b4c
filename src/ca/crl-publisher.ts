import { setTimeout as delay } from 'node:timers/promises';
import type { CrlShard } from '../store/ca/tables.ts';
import type { Authority } from './context.ts';
import { isDue, needsWord, publishShard } from './crl.ts';

/** `late`: shards whose CRL is about to end, or does not say for a minute what it should. */
export type CrlStatus = { ok: boolean; shards: number; late: number; endsAt?: number };

export type CrlPublisher = {
  /** Tells that something was revoked or issued; without it that is found within a second. */
  wake(): void;
  status(): CrlStatus;
  stop(): Promise<void>;
};

export type PublisherOptions = {
  authority: Authority;
  /** Called when a shard does not get on, once for each change of the reason. */
  onError(error: unknown): void;
};

/** Between two rounds: what is revoked meanwhile goes into one CRL. Whatever another process did is found in the longer one. */
const pauses = { shortest: 300, longest: 1_000 };
/** The issue promises a minute from a revocation to its CRL. */
const patience = 60_000;

/** Publishes CRLs: at once what was revoked, and each one long before the one in force ends. */
export function startCrlPublisher({ authority, onError }: PublisherOptions): CrlPublisher {
  const { rows, store, clock } = authority;
  const stop = new AbortController();
  const troubles = new Map<string, string>();
  /** Since when a shard has had something to say. */
  const waiting = new Map<string, number>();
  let bell = Promise.withResolvers<void>();
  let known: CrlShard[] = [];

  async function round(): Promise<void> {
    known = await rows.crlShards.list(store.read, {});
    const due = known.filter(canBePublished);
    for (const { id } of due) {
      if (stop.signal.aborted) return;
      await attempt(id, () => publishShard(authority, id));
    }
    if (due.length > 0) known = await rows.crlShards.list(store.read, {});
    for (const shard of known) {
      if (!needsWord(shard)) waiting.delete(shard.id);
      else if (!waiting.has(shard.id)) waiting.set(shard.id, clock.now());
    }
  }

  /** An authority that has ended signs nothing; what it issued has ended, too. */
  const canBePublished = (shard: CrlShard) =>
    isDue(shard, clock.now()) && (authority.pki.byId(shard.authority)?.notAfter ?? 0) >= clock.now();

  /** A shard that fails does not hold up the others. */
  async function attempt(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      troubles.delete(what);
    } catch (error) {
      if (troubles.get(what) !== String(error)) onError(error);
      troubles.set(what, String(error));
    }
  }

  const pause = (ms: number) => delay(ms, undefined, { signal: stop.signal }).catch(() => {});
  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      bell = Promise.withResolvers();
      await attempt('', round);
      await pause(pauses.shortest);
      await Promise.race([bell.promise, pause(pauses.longest - pauses.shortest)]);
    }
  }
  const running = run();

  return {
    wake: () => bell.resolve(),
    status() {
      const now = clock.now();
      const live = known.filter(({ authority: id }) => (authority.pki.byId(id)?.notAfter ?? 0) >= now);
      const isLate = ({ id, inForce, thisUpdate, nextUpdate }: CrlShard) =>
        (inForce > 0 && now > nextUpdate - (nextUpdate - thisUpdate) / 4) || now > (waiting.get(id) ?? now) + patience;
      const late = live.filter(isLate).length;
      const endsAt = Math.min(...live.filter(({ inForce }) => inForce > 0).map(({ nextUpdate }) => nextUpdate));
      return { ok: late === 0, shards: live.length, late, ...(Number.isFinite(endsAt) && { endsAt }) };
    },
    async stop() {
      stop.abort();
      await running;
    },
  };
}
