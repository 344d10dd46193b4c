import { X509Certificate } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { KysoError, kindOf } from '../base/errors.ts';
import type { CaStore } from '../store/ca/tables.ts';
import { authoritiesUnsealed } from '../store/ca/unsealed.ts';
import type { CaToken } from './ca-token.ts';
import { openRows, settingNames } from './context.ts';

const wrong = (what: string) =>
  new KysoError(
    'configuration',
    `this is not the token of this store: ${what}. Nothing is issued. ` +
      'Put its token back (pkcs11 in kyso.json, the files of the token), give a fresh token its keys from the backup ' +
      '(kyso ca restore), or put back the store that belongs to this token; kyso hsm probe ca shows which token answers',
  );

/**
 * Before anything of the store is believed: the token has the key of each authority that has not ended, and the key for
 * row MACs that the store was written with. One row that does not fit was changed by somebody; when none fits, it is
 * the key.
 * @throws KysoError configuration — it is another token, though its label and PIN are right
 */
export async function assertTokenOfStore(store: CaStore, token: CaToken, clock: Clock): Promise<void> {
  const authorities = await authoritiesUnsealed(store.read);
  if (authorities.length === 0) return; // no ceremony yet: the caller says so
  for (const { id, label, certificate } of authorities.filter(({ notAfter }) => notAfter >= clock.now())) {
    const { spki } = await token.publicKey({ label }).catch(missing(`key of ${id}`));
    const { publicKey } = new X509Certificate(certificate);
    if (!publicKey.export({ format: 'der', type: 'spki' }).equals(spki)) throw wrong(`its key of ${id} is another one`);
  }
  const rows = await openRows(store, token).catch(missing('key for row MACs'));
  const reads = await Promise.allSettled([
    ...[settingNames.names, settingNames.epoch].map((name) => rows.settings.find(store.read, { name })),
    ...authorities.map(({ id }) => rows.authorities.find(store.read, { id })),
  ]);
  if (reads.every((read) => read.status === 'rejected' && kindOf(read.reason) === 'integrity'))
    throw wrong('its key for row MACs is another one');
}

/** A key that is not there is the token's fault; a token that does not answer is not. */
function missing(what: string): (error: unknown) => never {
  return (error) => {
    if (kindOf(error) === 'internal') throw wrong(`it has no ${what}`);
    throw error;
  };
}
