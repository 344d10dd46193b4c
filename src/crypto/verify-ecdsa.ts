import koffi from 'koffi';
import { KysoError } from '../base/errors.ts';
import { recent } from '../base/recent.ts';
import type { KeyType } from './algorithms.ts';
import { der, derOid } from './der.ts';
import type { DigestMatcher } from './verify-rsa.ts';

type EcKeyType = Extract<KeyType, { family: 'EC' }>;
/** An EVP_PKEY_CTX that is set up to verify with one key. */
type Context = object;

/**
 * ECDSA (FIPS 186-5 §6.4.2) over a precomputed digest. node:crypto hashes whatever it verifies, so OpenSSL is called
 * directly: the one that is part of this process already (EVP_PKEY_verify(3)). It reads strict DER only, takes the
 * leftmost bits of a longer digest, and refuses points that are not on the curve.
 * @throws KysoError integrity — `spki` does not hold a key on this curve
 */
export function ecdsaMatcher(type: EcKeyType, spki: Buffer): DigestMatcher {
  const header = headerOf(type);
  if (!spki.subarray(0, header.length).equals(header))
    throw new KysoError('integrity', `the public key is not ${type.name}`);
  const name = spki.toString('base64');
  contextFor(name);
  return (_digestName, digest, signature) => {
    const { verify, clearErrors } = openssl();
    // Asked for anew each time, since a context that was dropped is freed.
    if (verify(contextFor(name), signature, signature.length, digest, digest.length) === 1) return true;
    clearErrors();
    return false;
  };
}

/** What a SubjectPublicKeyInfo of this type begins with (RFC 5480 §2): all but the coordinates of an uncompressed point. */
function headerOf({ curveOid, signatureBytes }: EcKeyType): Buffer {
  const algorithm = der(0x30, derOid('1.2.840.10045.2.1'), derOid(curveOid));
  const point = Buffer.alloc(1 + signatureBytes);
  const whole = der(0x30, algorithm, der(0x03, Buffer.of(0), point));
  return Buffer.concat([whole.subarray(0, whole.length - point.length), Buffer.of(0x04)]);
}

/** Reading a key costs two verifications. */
const contextFor = recent(64, openContext, (context) => openssl().freeContext(context));

function openContext(name: string): Context {
  const { newBio, freeBio, readPublicKey, freeKey, newContext, freeContext, startVerifying, clearErrors } = openssl();
  const spki = Buffer.from(name, 'base64');
  const bio = newBio(spki, spki.length);
  const key = readPublicKey(bio, null);
  freeBio(bio);
  // The context holds a reference to the key of its own.
  const context = key && newContext(key, null);
  if (key) freeKey(key);
  if (context && startVerifying(context) === 1) return context;
  if (context) freeContext(context);
  clearErrors();
  throw new KysoError('integrity', 'unreadable public key');
}

let bound: ReturnType<typeof bind> | undefined;

function openssl() {
  bound ??= bind();
  return bound;
}

function bind() {
  try {
    const process = koffi.load(null);
    return {
      newBio: process.func('void *BIO_new_mem_buf(const uint8_t *buf, int len)'),
      freeBio: process.func('int BIO_free(void *a)'),
      readPublicKey: process.func('void *d2i_PUBKEY_bio(void *bp, void *a)'),
      freeKey: process.func('void EVP_PKEY_free(void *key)'),
      newContext: process.func('void *EVP_PKEY_CTX_new(void *pkey, void *e)'),
      freeContext: process.func('void EVP_PKEY_CTX_free(void *ctx)'),
      startVerifying: process.func('int EVP_PKEY_verify_init(void *ctx)'),
      verify: process.func(
        'int EVP_PKEY_verify(void *ctx, const uint8_t *sig, size_t siglen, const uint8_t *tbs, size_t tbslen)',
      ),
      clearErrors: process.func('void ERR_clear_error()'),
    };
  } catch (cause) {
    throw new KysoError('configuration', 'this Node does not show its OpenSSL: use the one that scripts/setup brings', {
      cause,
    });
  }
}
