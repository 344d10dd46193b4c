import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import type { KeyTypeName } from '../crypto/algorithms.ts';
import type { Token } from '../hsm/pool.ts';

/** What ca asks of its token. */
export type CaToken = Pick<Token, 'signResident' | 'publicKey' | 'hmac'>;

/** A key of ca's token, ready to sign. */
export type CaKey = {
  spki: Buffer;
  /** Signs SHA-256 of `data`: ECDSA as DER, RSA as PKCS#1 v1.5. */
  sign(data: Uint8Array): Promise<Buffer>;
};

/** Finds a resident key by its label. */
export async function residentKey(token: CaToken, label: string): Promise<CaKey> {
  const { keyType, spki }: { keyType: KeyTypeName; spki: Buffer } = await token.publicKey({ label });
  return {
    spki,
    async sign(data) {
      const digests = [sha256(data)];
      const [signature] = await token.signResident({ label, keyType, spki, digest: 'SHA-256', digests });
      if (!signature) throw new KysoError('internal', 'the token answered without a signature');
      return signature;
    },
  };
}
