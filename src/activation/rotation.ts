import { KysoError } from '../base/errors.ts';
import { backedUp, backupKeyOf } from '../hsm/backup-file.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { keysUnder, vaultsUnder } from '../store/signer/versions.ts';
import { changeBackup, readBackup } from './backup.ts';
import { record, type Signer } from './context.ts';
import { changeVersions, kindOfKey, readVersions, refreshVersions, versionLabel } from './key-versions.ts';
import type { Versioned } from './versioned.ts';

/**
 * How long a retired key stays in the token, in milliseconds: longer than any call that read a row under it before, and
 * is still under way.
 */
const grace = 60_000;

/**
 * Makes a new KEK or pepper in the token, which everything new is sealed under from now on. What is sealed under older
 * ones works as before, and moves over when its holder next opens it (`renew`). Its secret goes into the backup.
 * @throws KysoError tokenUnavailable; configuration — the token takes no keys that can be backed up
 */
export async function rotate(
  signer: Signer,
  { key: kind }: Params<SignerContract, 'keys.rotate'>,
): Promise<Result<SignerContract, 'keys.rotate'>> {
  const { rows, store } = signer;
  // Taken before the key is made: of several rotations at a time each has its own, and a crash leaves a number unused.
  const taken = await store.write((tx) =>
    changeVersions(signer, tx, kind, (versions) => ({ ...versions, next: versions.next + 1 })),
  );
  const number = taken.next - 1;
  const spec = { label: versionLabel(kind, number), kind: kindOfKey[kind] };
  const before = await readBackup(rows, store.read);
  const { sealed } = await signer.token.createKey(spec, before && backupKeyOf(before));
  const backup = await store.write(async (tx) => {
    await changeVersions(signer, tx, kind, (versions) => {
      const newer = versions.live.every((label) => numberOf(label) < number);
      return { ...versions, current: newer ? spec.label : versions.current, live: [...versions.live, spec.label] };
    });
    const detail = { key: kind, label: spec.label };
    await record(signer, tx, { event: 'key.rotated', actor: 'operator', result: 'done', detail });
    return sealed && changeBackup(signer, tx, (secrets) => [...secrets, backedUp(spec, sealed)]);
  });
  await refreshVersions(signer);
  if (backup) signer.keepBackup(backup);
  return { label: spec.label };
}

const numberOf = (label: string) => Number(/\d+$/.exec(label)?.[0] ?? 0);

/** How many keys and vaults each version still opens, oldest version first. */
export async function rotationStatus({ rows, store, time }: Signer): Promise<Result<SignerContract, 'keys.rotation'>> {
  const now = time.now();
  const versions = await Promise.all(
    (['kek', 'pepper'] as const).map(async (kind) => {
      const { current, live, retired } = await readVersions(rows, store.read, kind);
      const count = kind === 'kek' ? keysUnder : vaultsUnder;
      const counted = await Promise.all(
        live.map(async (label) => ({
          key: kind,
          label,
          current: label === current,
          left: await count(store.read, label, now),
        })),
      );
      return [
        ...counted,
        ...retired.map(({ label }) => ({ key: kind, label, current: false, left: 0, retired: true })),
      ];
    }),
  );
  return { versions: versions.flat() };
}

/**
 * Gives up an old version that nothing is sealed under any more. The token destroys it a minute later, with what the
 * backup holds of it.
 * @throws KysoError requestInvalid — there is no such version, it is the current one, or something is left under it
 */
export async function retire(
  signer: Signer,
  { label }: Params<SignerContract, 'keys.retire'>,
): Promise<Result<SignerContract, 'keys.retire'>> {
  const kind: Versioned = label.startsWith(versionLabel('kek', 0).slice(0, -1)) ? 'kek' : 'pepper';
  const at = signer.time.now();
  await signer.store.write(async (tx) => {
    // Whoever writes a row under a version holds this setting: they end before this, or find the version gone.
    await changeVersions(signer, tx, kind, (versions) => {
      if (!versions.live.includes(label)) throw new KysoError('requestInvalid', `there is no version ${label}`);
      if (versions.current === label)
        throw new KysoError('requestInvalid', `${label} is the current one: run kyso signer rotate ${kind} first`);
      const live = versions.live.filter((other) => other !== label);
      return { ...versions, live, retired: [...versions.retired, { label, at }] };
    });
    const left = await (kind === 'kek' ? keysUnder : vaultsUnder)(tx, label, at);
    if (left > 0)
      throw new KysoError('requestInvalid', `${left} ${kind === 'kek' ? 'keys' : 'vaults'} are left under ${label}`);
    await record(signer, tx, { event: 'key.retired', actor: 'operator', result: 'done', detail: { label } });
  });
  await refreshVersions(signer);
  return { destroyedAt: at + grace };
}

/** Part of the upkeep: what was retired more than a minute ago is destroyed, in the token and in the backup. */
export async function destroyRetired(signer: Signer): Promise<void> {
  const now = signer.time.now();
  for (const kind of ['kek', 'pepper'] as const) {
    for (const { label, at } of signer.versions[kind].retired) {
      if (at + grace > now) continue;
      await signer.token.destroyKey(label);
      const backup = await signer.store.write(async (tx) => {
        const others = <E extends { label: string }>(entries: E[]) => entries.filter((entry) => entry.label !== label);
        await changeVersions(signer, tx, kind, (versions) => ({ ...versions, retired: others(versions.retired) }));
        await record(signer, tx, { event: 'key.destroyed', actor: 'signer', result: 'done', detail: { label } });
        return changeBackup(signer, tx, others);
      });
      if (backup) signer.keepBackup(backup);
    }
  }
}
