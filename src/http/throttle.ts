import { isIPv6 } from 'node:net';
import { sha256 } from '../base/bytes.ts';
import type { ApiTx } from '../store/api/tables.ts';
import {
  clearTries,
  countTry,
  type Throttle,
  type ThrottlePolicy,
  takeBackTry,
  touchThrottle,
} from '../store/api/throttles.ts';

const growing = [1, 5, 15, 60] as const;

/**
 * How many consecutive failures are free: of one account from one source; of one source with all accounts, which may be
 * a hospital behind one address; of one account from everywhere. A stranger reaches the first two long before the
 * third, and so locks out himself and not the owner (S43).
 */
const policies = {
  pair: { limit: 5, minutes: growing },
  source: { limit: 50, minutes: growing },
  account: { limit: 100, minutes: growing },
} as const satisfies Record<string, ThrottlePolicy>;

/** Where tries come from: an IPv4 address, or the /64 network of an IPv6 one, whose owner has all of it. */
export function sourceOf(ip: string): string {
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(ip)?.[1];
  if (mapped) return mapped;
  return isIPv6(ip) ? `${networkOf(ip)}/64` : ip;
}

function networkOf(ip: string): string {
  const [head = '', tail] = ip.toLowerCase().split('%')[0]!.split('::');
  const groups = (text: string | undefined) => (text ? text.split(':') : []);
  const [first, last] = [groups(head), groups(tail)];
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length;
  const all = [...first, ...Array<string>(Math.max(zeros, 0)).fill('0'), ...last];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

/** Names of counts are hashes: nobody reads from the store who was tried from where. */
function throttle(kind: keyof typeof policies, ...who: string[]): Throttle {
  return { id: sha256(JSON.stringify([kind, ...who])).toString('base64url'), policy: policies[kind] };
}

/** What is tried with an account, from a source: `what` keeps passwords and activation data apart. */
export type Try = { what: 'login' | 'activation'; account: string; source: string };

const throttlesOf = ({ what, account, source }: Try) => ({
  source: throttle('source', what, source),
  pair: throttle('pair', what, account, source),
  account: throttle('account', what, account),
});

/**
 * Counts a try before it is made. False when a lock stands: of the pair, of the source, or of the account. The pair comes
 * first, so that one application with an old password does not lock out everybody behind its address.
 */
export async function mayTry(tx: ApiTx, attempt: Try, now: number): Promise<boolean> {
  const { source, pair, account } = throttlesOf(attempt);
  for (const one of [pair, source, account]) {
    if (await countTry(tx, one, now)) continue;
    // A refusal writes, too: its commit must not be quicker than that of a try (S44).
    await touchThrottle(tx, pair.id, now);
    return false;
  }
  return true;
}

/**
 * The try was right. The counts of the account start again; of the source only this try is taken back, since somebody
 * with an account of his own must not be able to wipe off what he tried with others.
 */
export async function tryWasRight(tx: ApiTx, attempt: Try): Promise<void> {
  const { source, pair, account } = throttlesOf(attempt);
  await clearTries(tx, pair.id);
  await clearTries(tx, account.id);
  await takeBackTry(tx, source);
}
