import { KysoError } from '../base/errors.ts';
import { certificateFields } from './certificate-fields.ts';
import { type CrlReason, crlReasons } from './crl-reasons.ts';
import { bitString, der, integer, sequence, tags, time } from './der.ts';
import { readDer } from './der-reader.ts';
import { extension } from './extensions.ts';
import { keyIdentifier } from './public-key.ts';
import { signatureAlgorithm } from './signed.ts';

/** OIDs of CRL and CRL entry extensions (RFC 5280 §5.2, §5.3). */
export const crlExtensions = {
  crlNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  issuingDistributionPoint: '2.5.29.28',
  authorityKeyIdentifier: '2.5.29.35',
} as const;

/**
 * One entry of revokedCertificates, DER; a CRL's entries are these bytes one after the other, so each is encoded once
 * and kept. No reasonCode for `unspecified` (RFC 5280 §5.3.1). Times in whole seconds.
 * @param entry.serialNumber upper-case hex
 */
export function encodeEntry(entry: { serialNumber: string; revokedAt: Date; reason: CrlReason }): Buffer {
  const { serialNumber, revokedAt, reason } = entry;
  const code = der(tags.enumerated, Buffer.of(crlReasons[reason]));
  return sequence(
    integer(BigInt(`0x${serialNumber}`)),
    time(revokedAt),
    ...(reason === 'unspecified' ? [] : [sequence(extension(crlExtensions.reasonCode, false, code))]),
  );
}

export type CrlDraft = {
  /** DER. */
  issuerCertificate: Uint8Array;
  /** Grows with each CRL of its distribution point; at most 20 octets (RFC 5280 §5.2.3). */
  number: number | bigint;
  thisUpdate: Date;
  nextUpdate: Date;
  /** Of `encodeEntry`, joined; empty when nothing is revoked. */
  entries: Uint8Array;
  /**
   * The address under which this CRL is a shard: it covers those certificates only that name the same address, byte by
   * byte. Absent when it covers all certificates of its issuer. A root's CRL never states it: it has to cover the
   * root's own certificate, which names no address (OpenSSL asks for that with -crl_check_all).
   */
  distributionPoint?: string;
};

/**
 * The TBSCertList of a v2 CRL, DER; sign it by RSA PKCS#1 v1.5 or ECDSA (DER) with SHA-256.
 * @throws KysoError document — the issuer's certificate cannot be read
 */
export function crlTbs(draft: CrlDraft): Buffer {
  const { number, thisUpdate, nextUpdate, entries } = draft;
  if (nextUpdate <= thisUpdate) throw new KysoError('internal', 'a CRL that ends before it begins');
  const { issuer, subject, spki } = certificateFields(draft.issuerCertificate);
  const distributionPoint = issuer.equals(subject) ? undefined : draft.distributionPoint;
  const identifier = sequence(der(tags.context0, keyIdentifier(spki)));
  return sequence(
    integer(1),
    signatureAlgorithm(spki),
    subject,
    time(thisUpdate),
    time(nextUpdate),
    ...(entries.length === 0 ? [] : [sequence(entries)]),
    der(
      tags.explicit0,
      sequence(
        extension(crlExtensions.authorityKeyIdentifier, false, identifier),
        extension(crlExtensions.crlNumber, false, integer(number)),
        ...(distributionPoint === undefined
          ? []
          : [extension(crlExtensions.issuingDistributionPoint, true, sequence(pointName(distributionPoint)))]),
      ),
    ),
  );
}

/** `[0] DistributionPointName { [0] fullName { [6] URI } }` (RFC 5280 §4.2.1.13). */
function pointName(url: string): Buffer {
  return der(tags.explicit0, der(tags.explicit0, der(tags.uri, Buffer.from(url, 'ascii'))));
}

/** The CRL (CertificateList, DER): the algorithm that stands in its TBS once more, and the signature over the TBS. */
export function assembleSigned(tbs: Uint8Array, signature: Uint8Array): Buffer {
  const fields = readDer(tbs, 'a CRL');
  fields.element(tags.integer);
  return sequence(tbs, fields.element(tags.sequence).raw, bitString(signature));
}
