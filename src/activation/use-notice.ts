import { X509Certificate } from 'node:crypto';
import type { Authorization, Credential, SignerTx, Subscriber } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';
import { localTime } from './local-time.ts';
import { announce } from './notices.ts';

/**
 * Tells a holder that an approval of theirs is being used, in the transaction of its first spend: one message for each
 * approval, since it may be for a thousand documents that are sent one by one. A spend that is on record has it on the way.
 */
export async function announceUse(
  signer: Signer,
  tx: SignerTx,
  person: Subscriber,
  credential: Credential,
  { total, client }: Authorization,
): Promise<void> {
  const [certificate = ''] = JSON.parse(credential.chain) as string[];
  const { subject } = new X509Certificate(Buffer.from(certificate, 'base64')).toLegacyObject();
  const named = subject.CN?.toString() ?? credential.id;
  const values = { signatures: String(total), client, credential: named, time: localTime(signer.time.now()) };
  await announce(signer, tx, person, { template: 'signed', values });
}
