import { type Bag, bag, beyond, groupBy } from './bags.ts';
import { type Entry, entriesOf } from './check-log.ts';
import type { Facts, History, TokenSignature } from './facts.ts';

/** Leaf times are whole milliseconds, the token's are not. */
const rounding = 2;

/** Spent at most once, released at most once, nothing from the token without a durable intent, every answer recorded. */
export function checkSignatures(facts: Facts): string[] {
  const entries = entriesOf(facts.signer);
  const of = (event: string, result: Entry['result']) =>
    entries.filter((entry) => entry.event === event && entry.result === result);
  const intents = of('sign', 'intended');
  const releases = releasesOf(facts.history);
  return [
    ...spentOnce(of('authorize', 'done'), intents),
    ...releasedOnce(releases, of('authorize', 'done')),
    ...sameAnswers(facts.history),
    ...authorizationsRecorded(facts, of('authorize', 'done')),
    ...releasesRecorded(releases, facts, intents, of('sign', 'done')),
    ...intendedBefore(facts.token, intents),
  ];
}

const hashesOf = (entries: Iterable<{ hashes?: string[] }>): Bag =>
  bag([...entries].flatMap(({ hashes = [] }) => hashes));
const byAuthorization = <T extends { authorization?: string }>(all: T[]) =>
  groupBy(all, ({ authorization }) => authorization);

function spentOnce(authorized: Entry[], intents: Entry[]): string[] {
  const allowed = byAuthorization(authorized);
  return [...byAuthorization(intents)].flatMap(([authorization, spends]) =>
    beyond(hashesOf(spends), hashesOf(allowed.get(authorization) ?? [])).map(
      (hash) => `spent more often than authorized: ${hash} under ${authorization}`,
    ),
  );
}

/** The answers of one key are one release: the same answer, given again. */
function releasesOf({ released }: History): History['released'] {
  const keys = new Set<string>();
  return released.filter(({ key }) => key === undefined || (!keys.has(key) && keys.add(key)));
}

function sameAnswers({ released }: History): string[] {
  return [...groupBy(released, ({ key }) => key)]
    .filter(([, answers]) => new Set(answers.map(({ signatures }) => signatures)).size > 1)
    .map(([key]) => `the answers to one Idempotency-Key differ: ${key}`);
}

function releasedOnce(releases: History['released'], authorized: Entry[]): string[] {
  const findings = beyond(hashesOf(releases), hashesOf(authorized)).map(
    (hash) => `released more often than authorized: ${hash}`,
  );
  for (const { authorization, hashes, good } of releases)
    if (good !== hashes.length)
      findings.push(`released under ${authorization}: only ${good} of ${hashes.length} verify`);
  return findings;
}

function authorizationsRecorded({ history }: Facts, authorized: Entry[]): string[] {
  const recorded = byAuthorization(authorized);
  return history.authorized
    .filter(({ authorization, hashes }) => {
      const entry = recorded.get(authorization)?.[0];
      return entry === undefined || !sameHashes(entry.hashes ?? [], hashes);
    })
    .map(({ authorization }) => `a SAD was answered, and its authorization ${authorization} is not in the log`);
}

/** For each answer a signing of its own: intended with just these hashes, logged as done, and released in the store. */
function releasesRecorded(releases: History['released'], { signer }: Facts, intents: Entry[], done: Entry[]): string[] {
  const logged = new Set(done.map(({ signing }) => signing));
  const released = new Set(signer.signings.filter(({ outcome }) => outcome === 'released').map(({ id }) => id));
  const open = groupBy(
    intents.filter(({ signing }) => logged.has(signing) && released.has(signing!)),
    ({ authorization, hashes = [] }) => keyOf(authorization, hashes),
  );
  return releases.flatMap(({ authorization, hashes }) =>
    open.get(keyOf(authorization, hashes))?.pop()
      ? []
      : [`answered under ${authorization} and not recorded as released: ${hashes.join(' ')}`],
  );
}

function intendedBefore(token: TokenSignature[], intents: Entry[]): string[] {
  const begun = groupBy(
    intents.flatMap(({ at, hashes = [] }) => hashes.map((hash) => ({ hash, at }))),
    ({ hash }) => hash,
  );
  const findings: string[] = [];
  for (const [digest, signatures] of groupBy(token, ({ digest }) => digest)) {
    const allowed = begun.get(digest) ?? [];
    const first = Math.min(...allowed.map(({ at }) => at));
    if (allowed.length === 0) findings.push(`the token signed what nobody intended: ${digest}`);
    else if (signatures.some(({ at }) => at + rounding < first))
      findings.push(`the token signed before the intent: ${digest}`);
    // A worker that is lost may have signed already; another one then does it again, and only that one's is released.
    const workers = bag(signatures.map(({ worker }) => String(worker)));
    if ([...workers.values()].some((times) => times > allowed.length))
      findings.push(`one worker signed more often than intended: ${digest}`);
  }
  return findings;
}

const keyOf = (authorization: string | undefined, hashes: string[]) => `${authorization} ${hashes.join(' ')}`;
const sameHashes = (a: string[], b: string[]) => a.join() === b.join();
