import { X509Certificate } from 'node:crypto';
import { KysoError, kindOf } from '../base/errors.ts';
import type { CaStore } from '../store/ca/tables.ts';
import { readUnsealed } from '../store/settings.ts';
import { type CaToken, openRows, settingNames, tokenLabels } from './context.ts';

const wrong = (what: string) =>
  new KysoError(
    'configuration',
    `this is not the token of this store: ${what}. Nothing is issued. ` +
      'Put its token back (pkcs11 in kyso.json, the files of the token), or the store that belongs to this token; ' +
      'kyso hsm probe ca shows which token answers',
  );

/**
 * Before anything of the store is believed: the token has the key of the issuing certificate, and the key for row MACs
 * that the store was written with. One row that does not fit was changed by somebody; when none fits, it is the key.
 * @throws KysoError configuration — it is another token, though its label and PIN are right
 */
export async function assertTokenOfStore(store: CaStore, token: CaToken): Promise<void> {
  const issuing = await readUnsealed(store.read, settingNames.issuing);
  if (issuing === undefined) return; // no ceremony yet: the caller says so
  const { publicKey } = new X509Certificate(Buffer.from(issuing, 'base64'));
  const { spki } = await token.publicKey({ label: tokenLabels.issuing }).catch(missing('key of the issuing authority'));
  if (!publicKey.export({ format: 'der', type: 'spki' }).equals(spki))
    throw wrong('its key of the issuing authority is another one');
  const rows = await openRows(store, token).catch(missing('key for row MACs'));
  const names = [settingNames.root, settingNames.issuing, settingNames.epoch];
  const reads = await Promise.allSettled(names.map((name) => rows.settings.find(store.read, { name })));
  const forged = reads.filter((read) => read.status === 'rejected' && kindOf(read.reason) === 'integrity');
  if (forged.length === names.length) throw wrong('its key for row MACs is another one');
}

/** A key that is not there is the token's fault; a token that does not answer is not. */
function missing(what: string): (error: unknown) => never {
  return (error) => {
    if (kindOf(error) === 'internal') throw wrong(`it has no ${what}`);
    throw error;
  };
}
