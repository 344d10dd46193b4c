import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { KysoError } from '../base/errors.ts';

/** A server's certificate with those above it, own one first, and its private key; both PEM. */
export type Tls = { certificate: string; key: Buffer };

/** What an operator calls the two, in messages. */
type Names = { certificate: string; key: string };

/** Forward secrecy and authenticated encryption only; TLS 1.3 has nothing else. */
const ciphers = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':');

/** CSC v1 §7 wants TLS 1.2; what is older is broken. */
export function secureOptions({ certificate, key }: Tls): SecureContextOptions {
  return { cert: certificate, key, minVersion: 'TLSv1.2', ciphers, honorCipherOrder: true };
}

/**
 * Proves that a server can be reached under `host` with these at this moment, so that a wrong file stops the start and
 * not each client.
 * @throws KysoError configuration — the message names the file and what to do
 */
export function assertUsable(tls: Tls, names: Names, host: string, now: number): void {
  const refuse = (why: string, cause?: unknown) => new KysoError('configuration', why, { cause });
  const chain = certificatesIn(tls.certificate, names.certificate);
  const [own] = chain;
  if (!own)
    throw refuse(`${names.certificate} holds no PEM certificate: it needs the server's own, then those above it`);
  const stray = chain.findIndex((issuer, index) => index > 0 && !chain[index - 1]?.checkIssued(issuer));
  if (stray > 0) {
    throw refuse(`${names.certificate}: certificate ${stray + 1} did not issue the one before it: put them in order`);
  }
  const [from, to] = [own.validFromDate, own.validToDate];
  if (now < from.getTime()) throw refuse(`${names.certificate} begins on ${from.toISOString()}: check the clock`);
  if (now >= to.getTime()) throw refuse(`${names.certificate} ended on ${to.toISOString()}: put a renewed one there`);
  const fits = isIP(host) ? own.checkIP(host) : own.checkHost(host, { subject: 'never' });
  if (!fits) {
    const what = own.subjectAltName ?? 'no name';
    throw refuse(`${names.certificate} is for ${what}, not for ${host}: get one for it, or correct http.publicUrl`);
  }
  if (!own.checkPrivateKey(privateKeyIn(tls.key, names.key))) {
    throw refuse(`${names.key} is not the private key of ${names.certificate}: name the two that were made together`);
  }
  try {
    createSecureContext(secureOptions(tls));
  } catch (cause) {
    throw refuse(
      `${names.certificate} and ${names.key} are too weak for TLS 1.2: use RSA-2048 or EC-P256 at least`,
      cause,
    );
  }
}

function certificatesIn(pem: string, name: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw new KysoError('configuration', `${name} holds a certificate that cannot be read`, { cause });
  }
}

function privateKeyIn(pem: Buffer, name: string) {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new KysoError('configuration', `${name} holds no PEM private key without a passphrase`, { cause });
  }
}
