import { createPublicKey } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { certificatePem } from '../pki/pem.ts';

type Evidence = Result<SignerContract, 'evidence'>;

/**
 * The evidence of a request as files. Leaves, certificates and messages of the feed are the very bytes whose SHA-256 the
 * log names.
 */
export function evidenceFiles(request: string, found: Evidence): Record<string, string | Buffer> {
  const files: Record<string, string | Buffer> = {};
  for (const [index, { leaf }] of found.leaves.entries()) files[`leaf-${index + 1}.json`] = leaf;
  for (const [index, chain] of found.chains.entries()) {
    const [certificate = '', ...issuers] = chain;
    const pem = (base64: string) => certificatePem(Buffer.from(base64, 'base64'));
    const number = index + 1;
    files[`certificate-${number}.der`] = Buffer.from(certificate, 'base64');
    files[`certificate-${number}.pem`] = pem(certificate);
    // openssl takes no file without a certificate.
    if (issuers.length > 1) files[`issuers-${number}.pem`] = issuers.slice(0, -1).map(pem).join('');
    files[`root-${number}.pem`] = issuers.slice(-1).map(pem).join('');
  }
  for (const [index, message] of found.messages.entries()) {
    const number = index + 1;
    files[`feed-message-${number}.json`] = canonicalize(message) as string;
    files[`feed-payload-${number}.json`] = message.payload;
    files[`feed-signature-${number}.der`] = Buffer.from(message.signature, 'base64');
  }
  const feedKey = { key: Buffer.from(found.feedKey, 'base64'), format: 'der', type: 'spki' } as const;
  files['feed-key.pem'] = createPublicKey(feedKey).export({ format: 'pem', type: 'spki' });
  files['README.txt'] = readme(request, found);
  return files;
}

function readme(request: string, { leaves, chains, messages }: Evidence): string {
  const [chain, message] = [chains.length > 0, messages.length > 0];
  const at = Math.floor(Number(JSON.parse(leaves.at(-1)?.leaf ?? '{}').at) / 1000);
  const places = leaves.map(({ position }, index) => `leaf-${index + 1}.json ${position ?? 'not placed yet'}`);
  const between = (chains[0]?.length ?? 0) > 2 ? '-untrusted issuers-1.pem ' : '';
  const nothing = `Nothing was signed in this request: there is no certificate and no word of ca that a result names.\n`;
  const signed = `What the signature relied on stands in the leaf whose result is "done":
  detail.certificate  SHA-256 of certificate-1.der, the certificate that the credential had at that moment
  detail.feed         SHA-256 of feed-message-1.json, the newest word of the certification authority that signer had:
                      all orders up to its "number" were applied, revocations among them, not more than 10 s before

      sha256sum certificate-1.der feed-message-1.json

The authority signed its word (ECDSA P-256, SHA-256, over the bytes of the payload):

      openssl dgst -sha256 -verify feed-key.pem -signature feed-signature-1.der feed-payload-1.json

The certificate at the time of the signature, up to the root (compare the root with the one that you trust):

      openssl verify -x509_strict -attime ${at} -CAfile root-1.pem ${between}certificate-1.pem

A signature of this request, with the digest (bytes) that stands in hex under "hashes" of the leaf "intended"; for an
RSA key add -pkeyopt digest:sha256, or the digest of the leaf's algorithm:

      openssl x509 -in certificate-1.pem -noout -pubkey > key.pem
      openssl pkeyutl -verify -pubin -inkey key.pem -in DIGEST -sigfile SIGNATURE
`;
  return `Evidence of request ${request}
No document and no content of one is here; the leaves hold digests of what was signed.

All files are as they were written:

      sha256sum -c SHA256SUMS

The entries (leaves) of signer's log about this request, and their places in the log:
  ${places.join('\n  ')}
The log keeps of each the hash of RFC 6962, SHA-256 over a zero byte and the leaf:

      printf '\\0' | cat - leaf-1.json | sha256sum

${chain && message ? signed : nothing}`;
}
