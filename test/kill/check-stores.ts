import { groupBy } from './bags.ts';
import { entriesOf } from './check-log.ts';
import type { Facts, SignerStore } from './facts.ts';

/** The signer's rows fit each other, its log, and the tries that were made. */
export function checkStores(facts: Facts): string[] {
  return [
    ...checkSignings(facts.signer),
    ...checkAuthorizations(facts.signer),
    ...checkCounters(facts),
    ...checkActivations(facts),
  ];
}

/** Each signing has one intent and one end in the log, and the end is that of its row; none is left pending. */
function checkSignings(signer: SignerStore): string[] {
  const logged = groupBy(
    entriesOf(signer).filter(({ event }) => event === 'sign'),
    ({ signing }) => signing,
  );
  const ends: Record<string, string> = { released: 'done', failed: 'failed', unknown: 'unknown' };
  const findings = signer.signings.flatMap(({ id, outcome, signatures }) => {
    if (outcome === 'pending') return [`signing ${id} is still pending`];
    const entries = logged.get(id) ?? [];
    const results = entries.map(({ result }) => result).sort();
    const wanted = ['intended', ends[outcome]].sort();
    if (results.join() !== wanted.join())
      return [`signing ${id} is ${outcome}, and the log says of it: ${results.join(', ') || 'nothing'}`];
    const intended = entries.find(({ result }) => result === 'intended')?.hashes?.length;
    return intended === signatures ? [] : [`signing ${id} of ${signatures} was intended with ${intended} hashes`];
  });
  const known = new Set(signer.signings.map(({ id }) => id));
  for (const id of logged.keys())
    if (!known.has(id)) findings.push(`the log tells of a signing ${id} that is not there`);
  return findings;
}

/** As long as an authorization is remembered: what is left of it, its marked hashes and its intents are the same. */
function checkAuthorizations(signer: SignerStore): string[] {
  const intended = groupBy(
    entriesOf(signer).filter(({ event, result }) => event === 'sign' && result === 'intended'),
    ({ authorization }) => authorization,
  );
  return signer.authorizations.flatMap(({ id, total, remaining, open, digests, spent }) => {
    const findings: string[] = [];
    const signed = (intended.get(id) ?? []).flatMap(({ hashes = [] }) => hashes);
    if (digests.length !== total - open) findings.push(`authorization ${id} of ${total} has ${digests.length} hashes`);
    if (spent.length !== total - remaining)
      findings.push(`authorization ${id}: ${spent.length} hashes are spent, its count says ${total - remaining}`);
    if (spent.toSorted().join() !== signed.toSorted().join())
      findings.push(`authorization ${id}: ${spent.length} hashes are spent, ${signed.length} were intended`);
    return findings;
  });
}

/** Whoever was told that a guess was wrong is counted (S42): a crash may count one more, never one less. */
function checkCounters({ history, signer }: Facts): string[] {
  const ids = new Map(signer.subscribers.map(({ userID, id }) => [userID, id]));
  const factors = new Map(signer.factors.map((row) => [row.subscriber, row]));
  return history.wrong.flatMap(({ userID, factor, times }) => {
    const row = factors.get(ids.get(userID) ?? '');
    const counted = row?.[`${factor}Failures`] ?? 0;
    return counted >= times ? [] : [`${userID}: ${times} wrong tries of ${factor} were answered, ${counted} counted`];
  });
}

/** Active means: the PIN opens the vault. Whoever was told that the account is active can also log in. */
function checkActivations({ history, signer, api }: Facts): string[] {
  const openedBy = new Map(signer.vaults.map(({ subscriber, openedBy }) => [subscriber, openedBy]));
  const logins = new Set(api.logins);
  const findings = signer.subscribers
    .filter(({ id, status }) => (status === 'active') !== (openedBy.get(id) === 'pin'))
    .map(({ userID, id, status }) => `${userID} is ${status}, and the vault opens by ${openedBy.get(id)}`);
  const active = new Set(signer.subscribers.filter(({ status }) => status === 'active').map(({ userID }) => userID));
  for (const { userID } of history.activated) {
    if (!active.has(userID)) findings.push(`${userID} was told of an activation that signer does not know`);
    if (!logins.has(userID)) findings.push(`${userID} was told of an activation and has no login`);
  }
  return findings;
}
