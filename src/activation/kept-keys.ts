import { KysoError } from '../base/errors.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';
import { readSetting, writeSetting } from './settings.ts';

type Parts = Pick<Signer, 'store' | 'rows' | 'token' | 'instance'>;

/**
 * Subscribers' keys in a token that cannot wrap outlive a crash between their making and the commit of their order. So
 * the intent to make one is committed before, and taken back by the order's own commit: an intent that is found later
 * names a key that nobody has. What the store does not know otherwise is left alone, since the store may be an old copy.
 */
const settingOf = ({ instance }: Pick<Signer, 'instance'>) => `making.${instance}` as const;

/** Commits the intent to make the key `id`, where the token will keep it. */
export async function intendKey(signer: Parts, id: string): Promise<void> {
  if (!signer.token.keeps()) return;
  await collectOrphan(signer);
  await signer.store.write((tx) => writeSetting(signer, tx, settingOf(signer), id));
}

/**
 * In the transaction of its order: the key is somebody's from now on.
 * @throws KysoError unavailable — there is no intent to make it: it was collected meanwhile
 */
export async function keyCommitted(signer: Parts, tx: SignerTx, key: { id: string; mechanism: string }): Promise<void> {
  if (key.mechanism !== 'resident') return;
  const intent = await signer.rows.settings.lock(tx, { name: settingOf(signer) });
  if (intent?.value !== key.id) throw new KysoError('unavailable', 'a key was made without the intent to');
  await signer.rows.settings.replace(tx, intent, { value: '' });
}

/** Destroys the key whose order was never committed, if there is one. At start, and before the next one is made. */
export async function collectOrphan(signer: Parts): Promise<void> {
  const id = await readSetting(signer.rows, signer.store.read, settingOf(signer));
  if (!id) return;
  await signer.token.destroyResident({ name: id });
  await signer.store.write((tx) => writeSetting(signer, tx, settingOf(signer), ''));
}
