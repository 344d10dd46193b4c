import koffi from 'koffi';
import { KysoError } from '../base/errors.ts';
import { recent } from '../base/recent.ts';

/**
 * Verification by the OpenSSL that is part of this process (EVP_PKEY_verify(3)), called directly: node:crypto hashes
 * whatever it verifies, and its publicDecrypt costs twice what a verification does.
 */

/** An EVP_PKEY_CTX that is set up to verify with one key, the key's kind as OpenSSL numbers it, and its size. */
type Verification = { context: object; kind: number; bits: number };

/** EVP_PKEY_RSA and EVP_PKEY_EC of openssl/evp.h. */
export const [rsaKey, ecKey] = [6, 408] as const;

/** RSA_PKCS1_PADDING of openssl/rsa.h. */
const pkcs1Padding = 1;

/**
 * Verifies signatures with one public key (SubjectPublicKeyInfo, DER): ECDSA over a digest; RSASSA-PKCS1-v1_5 over a
 * whole DigestInfo, which must be exactly what the signature says.
 * @throws KysoError integrity — `spki` holds no key of this kind and of so many bits
 */
export function opensslVerifier(
  spki: Buffer,
  wanted: { kind: typeof rsaKey | typeof ecKey; bits: number },
): (signed: Uint8Array, signature: Uint8Array) => boolean {
  const name = spki.toString('base64');
  const { kind, bits } = verificationOf(name);
  if (kind !== wanted.kind || bits !== wanted.bits)
    throw new KysoError('integrity', 'the public key is of another kind');
  return (signed, signature) => {
    const { verify, clearErrors } = openssl();
    // Asked for anew each time, since a context that was dropped is freed.
    const { context } = verificationOf(name);
    if (verify(context, signature, signature.length, signed, signed.length) === 1) return true;
    clearErrors();
    return false;
  };
}

/** Reading a key costs two verifications. */
const verificationOf = recent(64, startVerifying, ({ context }) => openssl().freeContext(context));

function startVerifying(name: string): Verification {
  const ssl = openssl();
  const spki = Buffer.from(name, 'base64');
  const bio = ssl.newBio(spki, spki.length);
  const key = ssl.readPublicKey(bio, null);
  ssl.freeBio(bio);
  if (key) {
    const [kind, bits] = [ssl.kindOf(key), ssl.bitsOf(key)];
    // The context holds a reference to the key of its own.
    const context = ssl.newContext(key, null);
    ssl.freeKey(key);
    const begun = context && ssl.startVerifying(context) === 1;
    if (begun && (kind !== rsaKey || ssl.setPadding(context, pkcs1Padding) === 1)) return { context, kind, bits };
    if (context) ssl.freeContext(context);
  }
  ssl.clearErrors();
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
      kindOf: process.func('int EVP_PKEY_get_id(void *key)'),
      bitsOf: process.func('int EVP_PKEY_get_bits(void *key)'),
      freeKey: process.func('void EVP_PKEY_free(void *key)'),
      newContext: process.func('void *EVP_PKEY_CTX_new(void *pkey, void *e)'),
      freeContext: process.func('void EVP_PKEY_CTX_free(void *ctx)'),
      startVerifying: process.func('int EVP_PKEY_verify_init(void *ctx)'),
      setPadding: process.func('int EVP_PKEY_CTX_set_rsa_padding(void *ctx, int pad)'),
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
