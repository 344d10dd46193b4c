import canonicalize from 'canonicalize';
import { Compile } from 'typebox/compile';
import { KysoError } from '../base/errors.ts';
import { verifiesMessage } from '../crypto/verify-message.ts';
import { type Attestation, AttestationPayload } from '../ipc/feed.ts';
import { importSpki, keyTypeOf } from '../pki/public-key.ts';

const payload = Compile(AttestationPayload);

/** What an attestation must vouch for; `lineHash` is 32 bytes. */
export type Expected = { credentialID: string; subscriber: string; lineHash: Buffer; keyType: string };

/**
 * Verifies the signer's word that it made a key in its token for this credential and this line (design §5 c), and
 * returns that key (SPKI, DER).
 * @param attestationKey the signer's enrolled attestation key, EC-P256, SPKI DER
 * @throws KysoError attestationInvalid — the message says what is wrong
 */
export function verifyAttestation(attestation: Attestation, attestationKey: Buffer, expected: Expected): Buffer {
  const refuse = (why: string) => new KysoError('attestationInvalid', `the key attestation ${why}`);
  const signature = Buffer.from(attestation.signature, 'base64');
  const statementBytes = Buffer.from(attestation.statement);
  if (!verifiesMessage('EC-P256', attestationKey, { digest: 'SHA-256' }, statementBytes, signature))
    throw refuse('is not the signer’s');

  const statement = parse(attestation.statement);
  if (!payload.Check(statement)) throw refuse('has another form');
  if (canonicalize(statement) !== attestation.statement) throw refuse('is not RFC 8785 JSON');
  if (statement.credentialID !== expected.credentialID) throw refuse('is for another credential');
  if (statement.subscriber !== expected.subscriber) throw refuse('is for another subscriber');
  if (statement.lineHash !== expected.lineHash.toString('base64')) throw refuse('is for another line');
  const spki = Buffer.from(statement.spki, 'base64');
  if (keyTypeOf(importSpki(spki)) !== expected.keyType) throw refuse('is for a key of another type');
  return spki;
}

/** The signature stands: whatever this is, the signer wrote it. */
function parse(statement: string): unknown {
  try {
    return JSON.parse(statement);
  } catch {
    return undefined;
  }
}
