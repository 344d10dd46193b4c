import { createHmac, randomBytes } from 'node:crypto';
import pkcs11 from 'pkcs11js';
import { equalBytes } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { type DigestName, type KeyTypeName, keyTypes } from '../crypto/algorithms.ts';
import type { Capabilities } from './capabilities.ts';
import { closeSession, openSession, type Session, type Slot } from './module.ts';
import { type WrapMechanism, wrapMechanisms } from './provider.ts';
import { generateWrapped, signUnwrapped } from './subscriber-keys.ts';
import { kekTemplate, selfTestHmacTemplate } from './templates.ts';

/** What there is no Kyso without: both kinds of keys, the HMACs of factors and rows, and the self-test's own keys. */
const needed = [
  'CKM_RSA_PKCS_KEY_PAIR_GEN',
  'CKM_EC_KEY_PAIR_GEN',
  'CKM_RSA_PKCS',
  'CKM_ECDSA',
  'CKM_AES_KEY_GEN',
  'CKM_GENERIC_SECRET_KEY_GEN',
  'CKM_SHA256_HMAC',
] as const;

const fix = 'allow it in the configuration of the token (SoftHSM: slots.mechanisms in softhsm2.conf), or use another';

/**
 * Reads the mechanisms of a slot: what it says it can do, and how private keys are wrapped.
 * @throws KysoError tokenUnavailable — it offers no way of wrapping that we know, or not what Kyso cannot do without
 */
export function probe({ module, slot }: Slot): Capabilities {
  const mechanisms = module.C_GetMechanismList(slot);
  const names = Object.keys(wrapMechanisms) as WrapMechanism[];
  const wrapMechanism = names.find((name) => mechanisms.includes(wrapMechanisms[name]));
  if (!wrapMechanism) {
    throw new KysoError(
      'tokenUnavailable',
      `the token cannot wrap keys: it offers none of ${names.join(', ')}; ${fix}`,
    );
  }
  const missing = needed.filter((name) => !mechanisms.includes(pkcs11[name]));
  if (missing.length > 0) {
    throw new KysoError('tokenUnavailable', `the token does not offer ${missing.join(', ')}; ${fix}`);
  }
  const longest = {
    RSA: module.C_GetMechanismInfo(slot, pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN).maxKeySize,
    EC: module.C_GetMechanismInfo(slot, pkcs11.CKM_EC_KEY_PAIR_GEN).maxKeySize,
  };
  return {
    wrapMechanism,
    keyTypes: Object.values(keyTypes).flatMap(({ name, family, bits }) => (bits <= longest[family] ? [name] : [])),
    pss: mechanisms.includes(pkcs11.CKM_RSA_PKCS_PSS) ? 'anyDigest' : 'none',
  };
}

/**
 * Self-test at start (S54): with keys made for it, generates, wraps, unwraps, signs and verifies in software, and
 * compares an HMAC with the one that OpenSSL computes. Answers what is left of `offered`: a curve or a PSS that does
 * not work is no longer in it. RSA-3072 and RSA-4096 use the mechanisms of RSA-2048; making one would cost seconds.
 * Leaves nothing in the token.
 * @throws KysoError integrity — wrapping, EC-P256, RSA-2048 with PKCS#1 v1.5 or HMAC gives a wrong result
 */
export function selfTest(slot: Slot, offered: Capabilities): Capabilities {
  const session = openSession(slot); // closing it destroys what was made in it
  try {
    const { module, handle } = session;
    const { wrapMechanism: mechanism } = offered;
    const kek = module.C_GenerateKey(handle, { mechanism: pkcs11.CKM_AES_KEY_GEN }, kekTemplate('session'));
    generateWrapped(session, kek, mechanism, 'EC-P256');
    const rsa = { keyType: 'RSA-2048' as const, ...generateWrapped(session, kek, mechanism, 'RSA-2048') };

    const makes = (keyType: KeyTypeName) => works(slot, (attempt) => generateWrapped(attempt, kek, mechanism, keyType));
    const signsPss = (mgfDigest: DigestName) =>
      works(slot, (attempt) => {
        const scheme = { digest: 'SHA-256' as const, pss: { mgfDigest, saltLength: unusualSalt } };
        signUnwrapped(attempt, kek, { ...rsa, ...scheme, digests: [randomBytes(32)] });
      });
    const pss =
      offered.pss === 'none' || !signsPss('SHA-256') ? 'none' : signsPss('SHA-384') ? 'anyDigest' : 'sameDigest';
    const keyTypes = offered.keyTypes.filter((keyType) => !triedCurves.includes(keyType) || makes(keyType));
    testHmac(session); // last: a token that was lost meanwhile fails here, and does not pass for one that can do less
    return { ...offered, keyTypes, pss };
  } finally {
    closeSession(session);
  }
}

/** The curves that a token may lack though it lists the mechanism. */
const triedCurves: KeyTypeName[] = ['EC-P384', 'EC-P521'];

/** Bytes of a salt that is as long as no digest of ours: a token that ignores the parameter does not sign with it. */
const unusualSalt = 20;

/** Whether something works, tried on a session of its own: a failure may spoil it. */
function works(slot: Slot, attempt: (session: Session) => unknown): boolean {
  const session = openSession(slot);
  try {
    attempt(session);
    return true;
  } catch {
    return false;
  } finally {
    closeSession(session);
  }
}

function testHmac({ module, handle }: Session): void {
  const template = selfTestHmacTemplate();
  const key = module.C_GenerateKey(handle, { mechanism: pkcs11.CKM_GENERIC_SECRET_KEY_GEN }, template);
  const [secret] = module.C_GetAttributeValue(handle, key, [{ type: pkcs11.CKA_VALUE }]);
  const data = randomBytes(32);
  module.C_SignInit(handle, { mechanism: pkcs11.CKM_SHA256_HMAC }, key);
  const code = module.C_Sign(handle, data, Buffer.alloc(32));
  const expected = createHmac('sha256', secret!.value).update(data).digest();
  if (!equalBytes(code, expected)) throw new KysoError('integrity', 'the token computes a wrong HMAC');
}
