import canonicalize from 'canonicalize';
import { sha256 } from '../base/bytes.ts';
import type { SignedFeed } from '../ipc/feed.ts';

/** Something that a signature relied on; its SHA-256 (hex) is how the log names it. */
export type Relied = { digest: string; bytes: Buffer };

/** A message of ca's feed as evidence: RFC 8785 JSON of its text and signature. */
export function feedEvidence({ payload, signature }: SignedFeed): Relied {
  const bytes = Buffer.from(canonicalize({ payload, signature }) as string);
  return { digest: sha256(bytes).toString('hex'), bytes };
}
