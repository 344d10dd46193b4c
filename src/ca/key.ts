import canonicalize from 'canonicalize';
import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Attestation } from '../ipc/feed.ts';
import type { Credential } from '../store/ca/tables.ts';
import { isConflict } from '../store/failure.ts';
import { verifyAttestation } from './attestation.ts';
import { type Authority, readSetting, record, settingNames } from './context.ts';

/**
 * Records the key that signer made for a credential, if its attestation holds; refuses the credential for good if it
 * does not. A credential whose key is recorded stays as it is.
 * @throws KysoError configuration — no attestation key is enrolled
 * @throws KysoError integrity — the signer gave no attestation
 */
export async function recordKey(
  authority: Authority,
  credentialID: string,
  attestation: Attestation | undefined,
): Promise<void> {
  const { store, rows } = authority;
  const credential = await rows.credentials.find(store.read, { id: credentialID });
  if (credential?.status !== 'ordered') return;
  if (!attestation) throw new KysoError('integrity', 'the signer made a key and did not attest it');
  try {
    await recordAttested(authority, credential, attestation);
    await failpoint('key.attested');
  } catch (error) {
    const reused = isConflict(error);
    if (!reused && !(error instanceof KysoError && error.kind === 'attestationInvalid')) throw error;
    await refuseCredential(authority, credential, reused ? 'keyReused' : 'attestationInvalid');
  }
}

/** Verifies a credential's attestation with the enrolled key and returns the attested key (SPKI, DER). */
export async function attestedKey(
  authority: Authority,
  credential: Credential,
  attestation: Attestation,
): Promise<Buffer> {
  const enrolled = await readSetting(authority, settingNames.attestationKey);
  if (!enrolled) throw new KysoError('configuration', 'no attestation key of a signer is enrolled');
  return verifyAttestation(attestation, Buffer.from(enrolled, 'base64'), {
    credentialID: credential.id,
    subscriber: credential.subscriber,
    lineHash: Buffer.from(credential.lineHash, 'hex'),
    keyType: credential.keyType,
  });
}

async function recordAttested(authority: Authority, credential: Credential, attestation: Attestation): Promise<void> {
  const { store, rows } = authority;
  const spki = await attestedKey(authority, credential, attestation);
  const spkiHash = sha256(spki).toString('hex');
  await store.write(async (tx) => {
    const locked = await rows.credentials.lock(tx, { id: credential.id, status: 'ordered' });
    if (!locked) return;
    const kept = canonicalize(attestation) as string;
    await rows.credentials.replace(tx, locked, { status: 'attested', spki, spkiHash, attestation: kept });
    await record(authority, tx, {
      event: 'key.attested',
      result: 'done',
      subscriber: locked.subscriber,
      credential: locked.id,
      detail: { spki: spkiHash, lineHash: locked.lineHash, attestation: sha256(attestation.statement).toString('hex') },
    });
  });
}

/** A key that is already another credential's is refused like one without a valid attestation (S77). */
async function refuseCredential(authority: Authority, credential: Credential, why: string): Promise<void> {
  const { store, rows } = authority;
  await store.write(async (tx) => {
    const locked = await rows.credentials.lock(tx, { id: credential.id, status: 'ordered' });
    if (!locked) return;
    await rows.credentials.replace(tx, locked, { status: 'refused' });
    await record(authority, tx, {
      event: 'key.attested',
      result: 'refused',
      subscriber: locked.subscriber,
      credential: locked.id,
      detail: { why, lineHash: locked.lineHash },
    });
  });
}
