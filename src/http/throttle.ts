import { isIPv6 } from 'node:net';
import { sha256 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { type ErrorKind, KysoError } from '../base/errors.ts';
import type { ApiStore, ApiTx } from '../store/api/tables.ts';
import {
  clearTries,
  countTry,
  standingLock,
  type Throttle,
  type ThrottlePolicy,
  takeBackTry,
} from '../store/api/throttles.ts';

const growing = [1, 5, 15, 60] as const;

/**
 * How many failures are free: of one account from one source, in a row; of one source with all accounts; of one account
 * from everywhere, in a row. A stranger reaches the first two long before the third, and so locks out himself and not
 * the owner (S43). A source may be a hospital behind one address, where somebody mistypes every few minutes: it is
 * forgiven thirty failures an hour.
 */
const policies = {
  pair: { limit: 5, minutes: growing },
  source: { limit: 50, minutes: growing, forgetMinutes: 2 },
  account: { limit: 100, minutes: growing },
} as const satisfies Record<string, ThrottlePolicy>;

/** Where tries come from: an IPv4 address, or the /64 network of an IPv6 one, whose owner has all of it. */
export function sourceOf(ip: string): string {
  if (!isIPv6(ip)) return ip;
  const groups = groupsOf(ip);
  const mapped = groups.slice(0, 6).every((group, index) => group === (index === 5 ? 0xffff : 0));
  if (mapped)
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}/64`;
}

/** The eight groups of an IPv6 address in any spelling; a URL's host has one only, with at most one `::`. */
function groupsOf(ip: string): number[] {
  const { hostname } = new URL(`http://[${ip.split('%')[0]}]`);
  const [first = [], last = []] = hostname
    .slice(1, -1)
    .split('::')
    .map((part) => (part ? part.split(':').map((group) => Number.parseInt(group, 16)) : []));
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** Names of counts are hashes: nobody reads from the store who was tried from where. */
function throttle(kind: keyof typeof policies, ...who: string[]): Throttle {
  return { id: sha256(JSON.stringify([kind, ...who])).toString('base64url'), policy: policies[kind] };
}

/** A password that is tried: with which user ID, and from where. */
export type Try = { account: string; source: string };

/** Always in this order, so that no two transactions wait for each other. */
const throttlesOf = ({ account, source }: Try) => ({
  pair: throttle('pair', account, source),
  source: throttle('source', 'login', source),
  account: throttle('account', account),
});

/**
 * Counts a try before it is made. False when a lock stands, of the pair, of the source, or of the account; what is not
 * looked at is not counted either, so that nobody's lock makes another one longer.
 */
export async function mayTry(tx: ApiTx, attempt: Try, now: number): Promise<boolean> {
  const { pair, source, account } = throttlesOf(attempt);
  if (await standingLock(tx, [pair.id, source.id, account.id], now)) return false;
  // A lock may come between the look and the count; the count itself is what nobody gets past.
  for (const one of [pair, source, account]) if (!(await countTry(tx, one, now))) return false;
  return true;
}

/**
 * The try was right. The counts of the account start again; of the source only this try is taken back, since somebody
 * with an account of his own must not be able to wipe off what he tried with others.
 */
export async function tryWasRight(tx: ApiTx, attempt: Try): Promise<void> {
  const { pair, source, account } = throttlesOf(attempt);
  await clearTries(tx, pair.id);
  await takeBackTry(tx, source);
  await clearTries(tx, account.id);
}

/**
 * Makes a try that needs no account, such as an activation, when its source may: each is counted before it is made, and
 * taken back unless it is refused as a wrong guess.
 * @throws KysoError tooManyRequests — the source is locked; the try was not made
 */
export type SourceThrottle = <T>(source: string, attempt: () => Promise<T>) => Promise<T>;

/** A count for each source of what is tried; `wrong` is the refusal of a wrong guess. */
export function sourceThrottle(
  { store, clock }: { store: ApiStore; clock: Clock },
  what: string,
  wrong: ErrorKind,
): SourceThrottle {
  return async (source, attempt) => {
    const count = throttle('source', what, source);
    if (!(await store.write((tx) => countTry(tx, count, clock.now())))) throw new KysoError('tooManyRequests');
    try {
      const done = await attempt();
      await store.write((tx) => takeBackTry(tx, count));
      return done;
    } catch (error) {
      const guessed = error instanceof KysoError && error.kind === wrong;
      if (!guessed) await store.write((tx) => takeBackTry(tx, count));
      throw error;
    }
  };
}
