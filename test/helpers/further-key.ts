import { randomBytes, X509Certificate } from 'node:crypto';
import type { KeyTypeName } from '../../src/crypto/algorithms.ts';
import type { Order } from '../../src/ipc/feed.ts';
import { certificateChain } from './fake-ca.ts';
import type { TestPerson } from './person.ts';
import type { TestSigner } from './signer.ts';

type Someone = Pick<TestPerson, 'credentialID' | 'subscriber'>;

/** ca's order for a further key of a credential. */
export const keyOrder = (
  { credentialID, subscriber }: Someone,
  keyVersion: number,
  keyType: KeyTypeName = 'EC-P256',
): Extract<Order, { kind: 'makeKey' }> => ({
  ...{ kind: 'makeKey', credentialID, subscriber, keyType, otp: 'totp', keyVersion },
  lineHash: randomBytes(32).toString('base64'),
});

/** Has a further key made; answers the order that gives it a certificate. */
export async function furtherKey(
  world: TestSigner,
  person: Someone,
  keyVersion: number,
  keyType?: KeyTypeName,
): Promise<{ spki: Buffer; order: Extract<Order, { kind: 'certificate' }> }> {
  const made = await world.obey(keyOrder(person, keyVersion, keyType));
  const spki = Buffer.from(JSON.parse(made.attestation!.statement).spki, 'base64');
  return { spki, order: certificateOrder(person, await certificateChain(spki, world.clock.now())) };
}

export const certificateOrder = (
  { credentialID }: Pick<Someone, 'credentialID'>,
  chain: string[],
): Extract<Order, { kind: 'certificate' }> => ({ kind: 'certificate', credentialID, chain });

export const serialOf = (chain: string[]): string => new X509Certificate(Buffer.from(chain[0]!, 'base64')).serialNumber;

/** ca's word about a certificate of this credential, which is the newest unless another chain is given. */
export const statusOrder = (
  person: Pick<TestPerson, 'credentialID' | 'chain'>,
  status: 'good' | 'hold' | 'revoked',
  { chain = person.chain, reason = 'test' } = {},
): Extract<Order, { kind: 'status' }> => ({
  ...{ kind: 'status', credentialID: person.credentialID, serialNumber: serialOf(chain), status, reason },
});
