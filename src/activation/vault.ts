import { wipe } from '../base/bytes.ts';
import { kindOf } from '../base/errors.ts';
import { argon2id, formatCost, newSalt, parseCost } from '../crypto/argon2.ts';
import { newBoxKeyPair } from '../crypto/hpke.ts';
import { deriveKey, open, seal } from '../crypto/seal.ts';
import type { Vault } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';

/** What opens a vault: the activation data first, the PIN from then on. */
export type OpenedBy = 'activation' | 'pin';

type Sealing = Pick<Vault, 'sealedPrivate' | 'openedBy' | 'salt' | 'kdf' | 'pepper'>;
type Facts = Pick<Vault, 'subscriber' | 'publicKey' | 'openedBy' | 'kdf' | 'pepper'>;

/** A new vault whose private half only `secret` can open, through the token's pepper (design §3 step 1). */
export async function newVault(signer: Signer, subscriber: string, secret: Buffer, openedBy: OpenedBy) {
  const pair = await newBoxKeyPair();
  try {
    return { subscriber, publicKey: pair.publicKey, ...(await sealVault(signer, subscriber, pair, secret, openedBy)) };
  } finally {
    wipe(pair.privateKey);
  }
}

/** Seals the private half anew under another secret: activation data → PIN, old PIN → new PIN. */
export async function sealVault(
  signer: Signer,
  subscriber: string,
  pair: { publicKey: Buffer; privateKey: Buffer },
  secret: Buffer,
  openedBy: OpenedBy,
): Promise<Sealing> {
  const sealing = {
    openedBy,
    salt: newSalt(),
    kdf: formatCost(signer.pinCost),
    pepper: signer.versions.pepper.current,
  };
  const key = await vaultKey(signer, secret, sealing);
  const sealedPrivate = seal(
    key,
    pair.privateKey,
    additionalFacts({ subscriber, publicKey: pair.publicKey, ...sealing }),
  );
  wipe(key);
  return { ...sealing, sealedPrivate };
}

/**
 * One guess at a vault: `count` is called when everything that can fail for another reason is done, and before anybody
 * can learn whether the guess is right. It records the try, or throws to forbid it. The caller wipes what it gets:
 * undefined when the secret is wrong (there is no stored hash to tell it otherwise).
 * @throws KysoError tokenUnavailable — the token did not answer; then the try was not counted
 */
export async function openVault(
  signer: Signer,
  vault: Vault,
  secret: Buffer,
  count: () => Promise<void>,
): Promise<Buffer | undefined> {
  const key = await vaultKey(signer, secret, vault);
  try {
    await count();
    return openOrNothing(key, vault);
  } finally {
    wipe(key);
  }
}

function openOrNothing(key: Buffer, vault: Vault): Buffer | undefined {
  try {
    return open(key, vault.sealedPrivate, additionalFacts(vault));
  } catch (error) {
    if (kindOf(error) === 'integrity') return undefined;
    throw error;
  }
}

/** HKDF(HMAC in the token(pepper, Argon2id(secret, salt))): each guess costs Argon2id and a call to the token. */
async function vaultKey(
  signer: Signer,
  secret: Buffer,
  { salt, kdf, pepper }: Pick<Vault, 'salt' | 'kdf' | 'pepper'>,
): Promise<Buffer> {
  const stretched = await argon2id(secret, salt, parseCost(kdf));
  try {
    const peppered = await signer.token.hmac({ label: pepper, data: stretched });
    const key = deriveKey(peppered, salt, 'kyso vault');
    wipe(peppered);
    return key;
  } finally {
    wipe(stretched);
  }
}

function additionalFacts({ subscriber, publicKey, openedBy, kdf, pepper }: Facts) {
  return { use: 'vault', subscriber, publicKey: publicKey.toString('hex'), openedBy, kdf, pepper };
}
