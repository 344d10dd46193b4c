import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { CaContract } from '../../ipc/ca-contract.ts';
import type { Peer, Result } from '../../ipc/contract.ts';

type Reply = Result<CaContract, 'ocsp.answer'>;
type Facts = NonNullable<Reply['kept']>;

/** An answer that serves everybody who asks the same; `nextUpdate` in epoch milliseconds. */
export type KeptAnswer = { response: Buffer; nextUpdate: number; etag: string; lastModified: string; expires: string };

export type OcspReply = { response: Buffer; kept?: KeptAnswer };

/** Answers to OCSP requests: those that ca made beforehand are kept, all others are asked for. */
export type OcspAnswers = {
  /** The answer that is kept under a name, as long as ca would give it, too. */
  find(name: string): KeptAnswer | undefined;
  /**
   * Asks ca with a request (DER), and keeps what may be kept under `name`, which has to determine the request.
   * @throws KysoError — as ca says
   */
  ask(name: string, request: Buffer): Promise<OcspReply>;
  /** Asks ca whether it revoked, held or released, as happens four times a second by itself. @throws KysoError */
  follow(): Promise<void>;
  close(): void;
};

/** How often ca is asked for changes, and for how long its word counts, in milliseconds. */
const interval = 250;
const patience = 700;

/** How many answers are kept, each with its name about 2 kB. Nobody needs a longer name for one certificate. */
const most = 10_000;
const longestName = 1_024;

/**
 * Keeps answers of ca by how they were asked for. A kept answer is given only while ca has said within 0.7 s that its
 * certificate's status is what it was: so a revocation shows within a second. While ca is away nothing can be revoked,
 * and what is kept goes on until its nextUpdate.
 */
export function ocspAnswers({ ca, clock }: { ca: Peer<CaContract>; clock: Clock }): OcspAnswers {
  const kept = new Map<string, KeptAnswer & Facts>();
  /** What ca said last of the status of all certificates, and when we had asked. Nothing kept, nothing known. */
  let revision: string | undefined;
  let heardAt = Number.NEGATIVE_INFINITY;
  let asking = false;

  /** A change of any certificate drops everything: ca still has the other answers, and gives them without signing. */
  function hear(said: string, askedAt: number): void {
    if (said !== revision) kept.clear();
    revision = said;
    heardAt = Math.max(heardAt, askedAt);
  }

  async function follow(): Promise<void> {
    if (kept.size === 0 || asking || !ca.connected()) return;
    asking = true;
    const askedAt = clock.monotonic();
    try {
      hear((await ca.call('ocsp.revision', {})).revision, askedAt);
    } finally {
      asking = false;
    }
  }

  function keep(name: string, answer: KeptAnswer & Facts, askedAt: number): void {
    // Older than what we have heard since: what changed may have been this.
    if (answer.revision !== revision && askedAt < heardAt) return;
    if (name.length > longestName) return;
    hear(answer.revision, askedAt);
    kept.delete(name);
    kept.set(name, answer);
    if (kept.size > most) kept.delete(kept.keys().next().value ?? '');
  }

  /** While ca is away (or cannot sign), until the end; else until it would make a new one. Never one of the future. */
  function find(name: string, cannot = !ca.connected()): KeptAnswer | undefined {
    const answer = kept.get(name);
    const now = clock.now();
    if (!answer || now < answer.thisUpdate || now >= (cannot ? answer.nextUpdate : answer.renewAt)) return undefined;
    return !ca.connected() || clock.monotonic() - heardAt <= patience ? answer : undefined;
  }

  // A failure shows in `heardAt`.
  const timer = setInterval(() => void follow().catch(() => {}), interval).unref();
  return {
    ...{ find: (name) => find(name), follow },
    async ask(name, request) {
      const askedAt = clock.monotonic();
      try {
        const { response, kept: facts } = await ca.call('ocsp.answer', { request: request.toString('base64') });
        if (!facts) return { response: Buffer.from(response, 'base64') };
        const answer = { ...facts, ...described(Buffer.from(response, 'base64'), facts) };
        keep(name, answer, askedAt);
        return { response: answer.response, kept: answer };
      } catch (error) {
        const old = find(name, true);
        if (old) return { response: old.response, kept: old };
        throw error;
      }
    },
    close: () => clearInterval(timer),
  };
}

/** With its headers of RFC 5019 §6.2. */
function described(response: Buffer, { thisUpdate, nextUpdate }: Facts): KeptAnswer {
  const etag = `"${createHash('sha1').update(response).digest('hex')}"`;
  const [lastModified, expires] = [thisUpdate, nextUpdate].map((instant) => new Date(instant).toUTCString());
  return { response, nextUpdate, etag, lastModified: lastModified ?? '', expires: expires ?? '' };
}
