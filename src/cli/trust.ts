import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { KysoError } from '../base/errors.ts';

/**
 * `--ca FILE`: from now on this process also trusts the certification authorities in that PEM file.
 * @throws KysoError configuration — no such file, or not certificates
 */
export function trust(file: string): void {
  try {
    const pem = readFileSync(file, 'utf8');
    // Node takes text without a certificate for none at all, and says nothing.
    new X509Certificate(pem);
    setDefaultCACertificates([...getCACertificates('default'), pem]);
  } catch (cause) {
    throw new KysoError('configuration', `--ca ${file}: this is not a file of certificates in PEM`, { cause });
  }
}
