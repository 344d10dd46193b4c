import { KysoError } from '../base/errors.ts';
import type { KeyTypeName } from '../crypto/algorithms.ts';
import type { Key, SignerTx } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';
import { readSetting, writeSetting } from './settings.ts';

type Kind = Pick<Key, 'mechanism' | 'keyType'>;
type Known = Pick<Signer, 'keyKinds' | 'token'>;

const format = ({ mechanism, keyType }: Kind) => `${mechanism} ${keyType}`;

function parse(text: string): Kind {
  const [mechanism = '', keyType = ''] = text.split(' ');
  return { mechanism, keyType };
}

/** The kinds of keys that this store has ever had, as the sealed setting `keyKinds` lists them. */
export async function readKeyKinds({ rows, store }: Pick<Signer, 'rows' | 'store'>): Promise<Set<string>> {
  const value = await readSetting(rows, store.read, 'keyKinds');
  return new Set(value ? value.split(',') : []);
}

/** Remembers the kind of a key, in the transaction in which the key gets it. */
export async function noteKeyKind(signer: Pick<Signer, 'rows' | 'keyKinds'>, tx: SignerTx, key: Kind): Promise<void> {
  const kind = format(key);
  if (signer.keyKinds.has(kind)) return;
  const row = await signer.rows.settings.lock(tx, { name: 'keyKinds' });
  const kinds = new Set(row?.value ? row.value.split(',') : []);
  // Known for certain only once it is read back: this transaction may yet be rolled back.
  if (kinds.has(kind)) signer.keyKinds.add(kind);
  else await writeSetting(signer, tx, 'keyKinds', [...kinds, kind].sort().join(','));
}

const opens = ({ token }: Pick<Signer, 'token'>, { mechanism, keyType }: Kind) =>
  token.opens(keyType as KeyTypeName, mechanism);

/** What this store has keys of and the token can no longer use, in the operator's words. Empty where all is well. */
export function lostKinds(signer: Known): string[] {
  const lost = [...signer.keyKinds].map(parse).filter((kind) => !opens(signer, kind));
  return lost.map(({ mechanism, keyType }) =>
    mechanism === 'resident' ? `${keyType} keys in the token` : `${keyType} keys wrapped by ${mechanism}`,
  );
}

/** For the log: which keys cannot sign, and what mends it. Undefined where all is well. */
export function lossOf(signer: Known): KysoError | undefined {
  const lost = lostKinds(signer);
  if (lost.length === 0) return undefined;
  return new KysoError(
    'keyUnusable',
    `the PKCS#11 module lost what these keys need, and they do not sign: ${lost.join('; ')}. Give the module back its ` +
      'mechanisms (its own configuration, its former version), then restart; kyso hsm probe shows what it offers',
  );
}

/** @throws KysoError keyUnusable — the token lost the mechanism that this key was wrapped by, or its kind of key */
export function assertOpens(signer: Pick<Signer, 'token'>, key: Kind): void {
  if (!opens(signer, key)) throw new KysoError('keyUnusable', `the token can no longer use a key of ${format(key)}`);
}

/**
 * A module that lost its wrapping mechanisms would begin to keep keys in the token: that is no choice of a fault.
 * @throws KysoError keyUnusable — so it is
 */
export function assertSameCustody({ keyKinds, token }: Known): void {
  const wrapped = [...keyKinds].map(parse).some(({ mechanism }) => mechanism !== 'resident');
  if (token.keeps() && wrapped) throw new KysoError('keyUnusable', 'the token can no longer wrap keys');
}
