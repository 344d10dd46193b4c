import { KysoError, kindOf } from '../base/errors.ts';
import type { Token } from '../hsm/pool.ts';
import { readUnsealed } from '../store/settings.ts';
import type { SignerRows } from '../store/signer/rows.ts';
import type { SignerStore } from '../store/signer/tables.ts';
import { tokenLabels } from './context.ts';
import { readSetting, type SettingName } from './settings.ts';

const wrong = (what: string) =>
  new KysoError(
    'configuration',
    `this is not the token of this store: ${what}. Nothing is signed. ` +
      'Put its token back (pkcs11 in kyso.json, the files of the token), give a fresh token its keys from the backup ' +
      '(kyso signer restore), or put back the store that belongs to this token; kyso hsm probe shows which token answers',
  );

/**
 * Before anything of the store is believed: the token has the attestation key that `kyso signer init` recorded, and a
 * key for row MACs. The record is read as it stands; whether its MAC fits is what `assertRowsOfToken` asks.
 * @throws KysoError configuration — it is another token, though its label and PIN are right
 */
export async function assertTokenOfStore(store: SignerStore, token: Token): Promise<void> {
  const recorded = await readUnsealed(store.read, 'attestationKey');
  if (recorded === undefined) return; // not initialised: the caller says so
  const { spki } = await token.publicKey({ label: tokenLabels.attestation }).catch(missing('attestation key'));
  if (spki.toString('base64') !== recorded) throw wrong('its attestation key is another one');
  await token.hmac({ label: tokenLabels.rowMac, data: Buffer.of(0) }).catch(missing('key for row MACs'));
}

/**
 * A token with the right attestation key and another key for row MACs makes every row look forged. One row that does not
 * fit was changed by somebody; when none fits, it is the key.
 * @throws KysoError configuration — it is the key
 */
export async function assertRowsOfToken(store: SignerStore, rows: SignerRows): Promise<void> {
  const names: SettingName[] = ['epoch', 'feedPlace', 'attestationKey'];
  const fits = await Promise.all(
    names.map((name) =>
      readSetting(rows, store.read, name).then(
        (value) => value !== undefined,
        (error: unknown) => {
          if (kindOf(error) !== 'integrity') throw error;
          return false;
        },
      ),
    ),
  );
  if (!fits.includes(true)) throw wrong('its key for row MACs is another one');
}

/** A key that is not there is the token's fault; a token that does not answer is not. */
function missing(what: string): (error: unknown) => never {
  return (error) => {
    if (kindOf(error) === 'internal') throw wrong(`it has no ${what}`);
    throw error;
  };
}
