import { createHmac, randomBytes } from 'node:crypto';
import pkcs11 from 'pkcs11js';
import { equalBytes } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { type DigestName, type KeyTypeName, keyTypes, type SignScheme } from '../crypto/algorithms.ts';
import type { Capabilities } from './capabilities.ts';
import { generateResidentPair, readPublicKey } from './key-pair.ts';
import { closeSession, openSession, type Session, type Slot } from './module.ts';
import { destroyedAfter } from './objects.ts';
import type { GeneratedKey } from './protocol.ts';
import { type WrapMechanism, wrapMechanisms } from './provider.ts';
import { signDigests } from './signing.ts';
import { generateWrapped, signUnwrapped } from './subscriber-keys.ts';
import { kekTemplate, selfTestHmacTemplate, signMechanism } from './templates.ts';

/** What there is no Kyso without: both kinds of keys, the HMACs of factors and rows, and the self-test's own keys. */
const needed = [
  'CKM_RSA_PKCS_KEY_PAIR_GEN',
  'CKM_EC_KEY_PAIR_GEN',
  'CKM_RSA_PKCS',
  'CKM_ECDSA',
  'CKM_GENERIC_SECRET_KEY_GEN',
  'CKM_SHA256_HMAC',
] as const;

const fix = 'allow it in the configuration of the token (SoftHSM: slots.mechanisms in softhsm2.conf), or use another';

/**
 * Reads the mechanisms of a slot: what it says it can do, and whether and how private keys are wrapped.
 * @throws KysoError tokenUnavailable — it does not offer what Kyso cannot do without
 */
export function probe({ module, slot }: Slot): Capabilities {
  const mechanisms = module.C_GetMechanismList(slot);
  const names = Object.keys(wrapMechanisms) as WrapMechanism[];
  const unwraps = names.filter((name) => mechanisms.includes(wrapMechanisms[name]));
  const wanted = unwraps.length > 0 ? ([...needed, 'CKM_AES_KEY_GEN'] as const) : needed;
  const missing = wanted.filter((name) => !mechanisms.includes(pkcs11[name]));
  if (missing.length > 0) {
    throw new KysoError('tokenUnavailable', `the token does not offer ${missing.join(', ')}; ${fix}`);
  }
  const longestOf = (mechanism: number) => module.C_GetMechanismInfo(slot, mechanism).maxKeySize;
  const longest = {
    RSA: longestOf(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN),
    EC: longestOf(pkcs11.CKM_EC_KEY_PAIR_GEN),
  };
  return {
    custody: unwraps[0] ?? 'resident',
    unwraps,
    keyTypes: Object.values(keyTypes).flatMap(({ name, family, bits }) => (bits <= longest[family] ? [name] : [])),
    pss: mechanisms.includes(pkcs11.CKM_RSA_PKCS_PSS) ? 'anyDigest' : 'none',
  };
}

/**
 * Self-test at start (S54): with keys made for it, generates, wraps, unwraps (where the token does), signs and verifies
 * in software, and compares an HMAC with the one that OpenSSL computes. Answers what is left of `offered`: a curve or a
 * PSS that does not work is no longer in it. RSA-3072 and RSA-4096 use the mechanisms of RSA-2048; making one would cost
 * seconds. Leaves nothing in the token.
 * @throws KysoError integrity — wrapping, EC-P256, RSA-2048 with PKCS#1 v1.5 or HMAC gives a wrong result
 */
export function selfTest(slot: Slot, offered: Capabilities): Capabilities {
  const session = openSession(slot); // closing it destroys what was made in it
  try {
    const trial = offered.custody === 'resident' ? keptTrial() : wrappedTrial(session, offered.custody);
    for (const keyType of basicTypes) if (offered.keyTypes.includes(keyType)) trial.make(session, keyType);

    const signsPss = (mgfDigest: DigestName) =>
      works(slot, (attempt) => {
        trial.signPss(attempt, { digest: 'SHA-256', pss: { mgfDigest, saltLength: unusualSalt } });
      });
    const pss =
      offered.pss === 'none' || !signsPss('SHA-256') ? 'none' : signsPss('SHA-384') ? 'anyDigest' : 'sameDigest';
    const keyTypes = offered.keyTypes.filter(
      (keyType) => !triedCurves.includes(keyType) || works(slot, (attempt) => trial.make(attempt, keyType)),
    );
    testHmac(session); // last: a token that was lost meanwhile fails here, and does not pass for one that can do less
    return { ...offered, keyTypes, pss };
  } finally {
    closeSession(session);
  }
}

/** What the self-test does with one kind of custody: makes and uses keys, and signs by PSS with RSA-2048. */
type Trial = {
  make(session: Session, keyType: KeyTypeName): void;
  signPss(session: Session, scheme: SignScheme): void;
};

/** Of keys that leave the token wrapped. */
function wrappedTrial(own: Session, mechanism: WrapMechanism): Trial {
  const { module, handle } = own;
  const kek = module.C_GenerateKey(handle, { mechanism: pkcs11.CKM_AES_KEY_GEN }, kekTemplate('session'));
  let rsa: GeneratedKey | undefined;
  return {
    make(session, keyType) {
      const key = generateWrapped(session, kek, mechanism, keyType);
      if (keyType === 'RSA-2048') rsa = key;
    },
    signPss(session, scheme) {
      signUnwrapped(session, kek, { keyType: 'RSA-2048', ...rsa!, ...scheme, digests: [randomBytes(32)] });
    },
  };
}

/** Of keys that stay: made as session objects here, which nothing is left of. */
function keptTrial(): Trial {
  const sign = (session: Session, keyType: KeyTypeName, scheme: SignScheme) => {
    const pair = generateResidentPair(session, keyType, 'session', [signMechanism(keyType, scheme.pss)]);
    destroyedAfter(session, [pair.privateKey, pair.publicKey], () => {
      const { spki } = readPublicKey(session, pair.publicKey);
      signDigests(session, pair.privateKey, { keyType, spki, ...scheme, digests: [randomBytes(32)] });
    });
  };
  return {
    make: (session, keyType) => sign(session, keyType, { digest: 'SHA-256' }),
    signPss: (session, scheme) => sign(session, 'RSA-2048', scheme),
  };
}

/** What every token must do that offers it at all. */
const basicTypes: KeyTypeName[] = ['EC-P256', 'RSA-2048'];

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
