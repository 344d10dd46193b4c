import { sha256 } from '../base/bytes.ts';
import { KysoError, kindOf } from '../base/errors.ts';
import { type Backup, backedUp, backupKeyOf } from '../hsm/backup-file.ts';
import type { Token } from '../hsm/pool.ts';
import { addToBackup, readBackup } from './backup.ts';
import { residentKey } from './ca-token.ts';
import { ceremonyRecord } from './ceremony-record.ts';
import { type Authority, readSetting, record, settingNames } from './context.ts';
import { type AuthorityKind, kinds, labelOf, partsOfId } from './kinds.ts';
import { enterAuthority, makeAuthority, type NewAuthority } from './make-authority.ts';
import { type Planned, planRollover } from './rollover-plan.ts';
import { shardId } from './shards.ts';
import { assertTwoPersons } from './two-persons.ts';

/** A key that waits to be certified: the id of its authority, and the SHA-256 of its SPKI in hex. */
export type PendingKey = { id: string; fingerprint: string };

export type Rollovers = {
  /**
   * Makes the keys of the next authorities of a kind in the token, or finds those that nobody confirmed before. Each is in
   * the backup before it is answered. Nothing uses them yet.
   * @throws KysoError configuration — an issuer has ended; tokenUnavailable
   */
  prepare(kind: AuthorityKind): Promise<PendingKey[]>;
  /**
   * Certifies these keys. From then on they do what is new, and those before them go on until they end. Answers what was
   * added and the record for the persons to sign.
   * @throws KysoError configuration — too few persons; requestInvalid — these are not the keys that are prepared
   */
  confirm(kind: AuthorityKind, keys: PendingKey[], persons: string[]): Promise<{ record: string; ids: string[] }>;
};

export type RolloverParts = {
  authority: Authority;
  token: Pick<Token, 'createKey' | 'publicKey' | 'signResident' | 'hmac'>;
  version: string;
  keepBackup(backup: Backup): void;
};

/** Rollovers of a running ca (S84). One step at a time, however many are asked for. */
export function rollovers({ authority, token, version, keepBackup }: RolloverParts): Rollovers {
  const { store, rows, pki, clock } = authority;
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(step: () => Promise<T>): Promise<T> {
    const next = turn.then(step, step);
    turn = next.catch(() => {});
    return next;
  }

  /** The key of a planned authority; a new one where the token has none. Undefined: one that no backup holds. */
  async function keyOf({ id, kind }: Planned): Promise<PendingKey | undefined> {
    const spec = { label: labelOf(id), kind: kinds[kind].keyType };
    const backup = await readBackup(rows, store.read);
    const known = await token.publicKey({ label: spec.label }).catch((error: unknown) => {
      if (kindOf(error) === 'internal') return undefined; // there is none
      throw error;
    });
    if (known) {
      const held = !backup || backup.secrets.some(({ label }) => label === spec.label);
      return held ? { id, fingerprint: hash(known.spki) } : undefined;
    }
    const { spki, sealed } = await token.createKey(spec, backup && backupKeyOf(backup));
    if (!spki) throw new KysoError('internal', 'the token made no signing key');
    if (sealed) {
      const kept = await store.write((tx) => addToBackup(rows, tx, [backedUp(spec, sealed)]));
      if (kept) keepBackup(kept);
    }
    return { id, fingerprint: hash(spki) };
  }

  async function prepare(kind: AuthorityKind): Promise<PendingKey[]> {
    const taken = new Set<string>();
    for (;;) {
      const plan = planRollover(pki.all(), kind, clock.now(), taken);
      const keys = [];
      for (const planned of plan) keys.push((await keyOf(planned)) ?? planned.id);
      const lost = keys.filter((key) => typeof key === 'string');
      for (const id of lost) taken.add(id); // a crash came between its making and its backup: never used
      if (lost.length === 0) return keys.filter((key) => typeof key !== 'string');
    }
  }

  async function certify(kind: AuthorityKind, keys: PendingKey[]): Promise<NewAuthority[]> {
    const names = JSON.parse((await readSetting(authority, settingNames.names)) ?? 'null');
    const made = new Map<string, NewAuthority>();
    for (const planned of planOf(kind, keys)) {
      const { id, issuer } = planned;
      const key = await residentKey(token, labelOf(id));
      if (hash(key.spki) !== keys.find((pending) => pending.id === id)?.fingerprint) throw notPrepared();
      const above = made.get(issuer) ?? pki.byId(issuer);
      const signer = above && { ...above, key: await residentKey(token, labelOf(issuer)) };
      const { number } = partsOfId(id);
      const order = { kind: planned.kind, number, key, names, urls: authority.urls, now: clock.now() };
      const crl = (await rows.crlShards.find(store.read, { id: shardId(issuer, 1) }))?.url;
      made.set(id, await makeAuthority({ ...order, ...(signer && { issuer: signer }), ...(crl && { crl }) }));
    }
    return [...made.values()];
  }

  /** The plan that these keys are of: its numbers may leave out some. */
  function planOf(kind: AuthorityKind, keys: PendingKey[]): Planned[] {
    const ids = keys.map(({ id }) => id);
    const taken = new Set<string>();
    for (let tries = 0; tries < 100; tries += 1) {
      const plan = planRollover(pki.all(), kind, clock.now(), taken);
      if (plan.length !== ids.length) break;
      const others = plan.filter(({ id }) => !ids.includes(id));
      if (others.length === 0) return plan;
      for (const { id } of others) taken.add(id);
    }
    throw notPrepared();
  }

  async function confirm(kind: AuthorityKind, keys: PendingKey[], persons: string[]) {
    assertTwoPersons(authority.mode, persons);
    const authorities = await certify(kind, keys);
    const what = `the rollover of ${kind}`;
    const backup = await readBackup(rows, store.read);
    const custodians = Array.from({ length: backup?.shares ?? 0 }, (_, index) => `share ${index + 1}`);
    const text = ceremonyRecord({
      ...{ what, at: clock.now(), version, persons, otherKeys: {}, authorities },
      ...(backup && { custody: { ceremony: backup.ceremony, threshold: backup.threshold, custodians } }),
    });
    await store.write(async (tx) => {
      for (const each of authorities) await enterAuthority(authority, tx, each);
      const certificates = Object.fromEntries(authorities.map(({ id, certificate }) => [id, hash(certificate)]));
      const detail = { ...certificates, record: hash(text) };
      await record(authority, tx, { event: 'authority.added', result: 'done', detail });
    });
    await pki.reload();
    return { record: text, ids: authorities.map(({ id }) => id) };
  }

  return {
    prepare: (kind) => inTurn(() => prepare(kind)),
    confirm: (kind, keys, persons) => inTurn(() => confirm(kind, keys, persons)),
  };
}

const hash = (bytes: Buffer | string) => sha256(bytes).toString('hex');

const notPrepared = () =>
  new KysoError('requestInvalid', 'these are not the keys that are prepared: begin the rollover again');
