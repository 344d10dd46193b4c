import canonicalize from 'canonicalize';
import { sha256 } from '../base/bytes.ts';
import { type ErrorKind, KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Attestation } from '../ipc/feed.ts';
import { readRequest } from '../pki/csr.ts';
import type { Credential, Line } from '../store/ca/tables.ts';
import { isConflict } from '../store/failure.ts';
import { verifyAttestation } from './attestation.ts';
import { type Authority, readSetting, record, settingNames } from './context.ts';
import { isExternal } from './line.ts';
import { refuseLine } from './lines.ts';

/**
 * Records the key that signer made for a line, if its attestation holds; refuses the line for good if it does not. A line
 * whose key is recorded stays as it is.
 * @param lineHash hex
 * @throws KysoError configuration — no attestation key is enrolled
 * @throws KysoError integrity — the signer gave no attestation
 */
export async function recordKey(
  authority: Authority,
  lineHash: string,
  attestation: Attestation | undefined,
  request?: string,
): Promise<void> {
  const { store, rows } = authority;
  const line = await rows.lines.find(store.read, { lineHash });
  if (line?.status !== 'ordered') return;
  if (!attestation) throw new KysoError('integrity', 'the signer made a key and did not attest it');
  try {
    await recordAttested(authority, line, attestation, request);
    await failpoint('key.attested');
  } catch (error) {
    const reused = isConflict(error);
    if (!reused && !(error instanceof KysoError && error.kind === 'attestationInvalid')) throw error;
    await refuse(authority, line, reused ? 'keyReused' : 'attestationInvalid');
  }
}

/** Verifies the attestation of a line's key with the enrolled key and returns the attested key (SPKI, DER). */
export async function attestedKey(
  authority: Authority,
  { lineHash }: Line,
  { id, subscriber, keyType }: Credential,
  attestation: Attestation,
): Promise<Buffer> {
  const enrolled = await readSetting(authority, settingNames.attestationKey);
  if (!enrolled) throw new KysoError('configuration', 'no attestation key of a signer is enrolled');
  const expected = { credentialID: id, subscriber, lineHash: Buffer.from(lineHash, 'hex'), keyType };
  return verifyAttestation(attestation, Buffer.from(enrolled, 'base64'), expected);
}

/** A key that came before, be it for whom it may, meets its own row (S77). */
async function recordAttested(
  authority: Authority,
  line: Line,
  attestation: Attestation,
  request: string | undefined,
): Promise<void> {
  const { store, rows, clock } = authority;
  const credential = await rows.credentials.find(store.read, { id: line.credential });
  if (!credential) throw new KysoError('integrity', `credential ${line.credential} is gone`);
  const spki = await attestedKey(authority, line, credential, attestation);
  const proof = isExternal(line) ? requestOf(spki, request) : undefined;
  const spkiHash = sha256(spki).toString('hex');
  await store.write(async (tx) => {
    const locked = await rows.lines.lock(tx, { lineHash: line.lineHash, status: 'ordered' });
    if (!locked) return;
    const { credential: id, keyVersion, lineHash } = locked;
    await rows.keys.insert(tx, { spkiHash, credential: id, keyVersion, spki, createdAt: clock.now() });
    if (proof) await rows.externalRequests.insert(tx, { lineHash, credential: id, keyVersion, request: proof });
    const kept = canonicalize(attestation) as string;
    await rows.lines.replace(tx, locked, { status: 'attested', spki, attestation: kept });
    await record(authority, tx, {
      ...{ event: 'key.attested', result: 'done', subscriber: credential.subscriber, credential: id },
      detail: { spki: spkiHash, lineHash, keyVersion, attestation: sha256(attestation.statement).toString('hex') },
    });
  });
}

/** The request that the key itself signed, for an outside authority (S77). */
function requestOf(spki: Buffer, request: string | undefined): Buffer {
  const der = Buffer.from(request ?? '', 'base64');
  try {
    if (readRequest(der).spki.equals(spki)) return der;
  } catch (cause) {
    throw new KysoError('attestationInvalid', 'the key came without a good certificate request', { cause });
  }
  throw new KysoError('attestationInvalid', 'the certificate request is for another key');
}

async function refuse(authority: Authority, { lineHash }: Line, why: ErrorKind): Promise<void> {
  const { store, rows } = authority;
  await store.write(async (tx) => {
    const locked = await rows.lines.lock(tx, { lineHash, status: 'ordered' });
    if (locked) await refuseLine(authority, tx, locked, why);
  });
}
