import { randomBytes } from 'node:crypto';
import canonicalize from 'canonicalize';
import { sha256, wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { newId } from '../base/ids.ts';
import type { KeyTypeName, SignScheme } from '../crypto/algorithms.ts';
import { openFrom, sealTo } from '../crypto/hpke.ts';
import { open, seal } from '../crypto/seal.ts';
import type { Attestation, AttestationPayload, Order } from '../ipc/feed.ts';
import type { Key, SignerTx, Vault } from '../store/signer/tables.ts';
import { record, type Signer, tokenLabels } from './context.ts';
import { intendKey, keyCommitted } from './kept-keys.ts';
import { assertLive } from './key-versions.ts';
import { assertSameCustody, noteKeyKind } from './usable-keys.ts';

type MakeKeyOrder = Extract<Order, { kind: 'makeKey' }>;
/** What ca gets for a key that was made. */
export type KeyAnswer = { attestation: Attestation; request?: string };

type KeyFacts = Pick<Key, 'id' | 'subscriber' | 'keyVersion' | 'keyType' | 'spki' | 'kek' | 'mechanism'>;

/** What the layers around a key are bound to: none of them opens for another key, person or version (design §3 step 2). */
function facts(key: KeyFacts, use: 'blob' | 'dek') {
  const { id, subscriber, keyVersion, keyType, kek, mechanism } = key;
  return { use, key: id, subscriber, keyVersion, keyType, kek, mechanism, spki: sha256(key.spki).toString('hex') };
}

/**
 * ca's order to make a key: generated in the token and wrapped there by the KEK, that blob sealed under a random DEK,
 * the DEK sealed to the subscriber's vault. Nothing of it opens without the subscriber. Returns the signer's
 * attestation and the change to commit.
 */
export async function prepareKey(signer: Signer, order: MakeKeyOrder) {
  const { credentialID, subscriber, keyType, keyVersion = 1 } = order;
  const vault = await signer.rows.vaults.find(signer.store.read, { subscriber });
  if (!vault) throw new KysoError('orderRefused', 'no such subscriber');
  await assertNext(signer, order);

  const kek = signer.versions.kek.current;
  const id = newId();
  assertSameCustody(signer);
  await intendKey(signer, id);
  const subject = order.subject === undefined ? {} : { subject: Buffer.from(order.subject, 'base64') };
  const made = await signer.token.generateKeyPair({ keyType, kek, name: id, ...subject });
  const { wrapped, mechanism, spki, request = null } = made;
  await failpoint('key.generated');
  const lineHash = Buffer.from(order.lineHash, 'base64');
  const base = { id, subscriber, keyVersion, keyType, spki, kek, mechanism };
  const dek = randomBytes(32);
  const sealedBlob = seal(dek, wrapped, facts(base, 'blob'));
  const sealedDek = await sealTo(vault.publicKey, dek, facts(base, 'dek')).finally(() => wipe(dek, wrapped));
  const attestation = await attest(signer, {
    type: 'keyAttestation',
    credentialID,
    subscriber,
    spki: spki.toString('base64'),
    lineHash: order.lineHash,
  });

  const createdAt = signer.time.now();
  const commit = async (tx: SignerTx) => {
    await assertLive(signer, tx, 'kek', kek);
    await keyCommitted(signer, tx, base);
    await noteKeyKind(signer, tx, base);
    await signer.rows.keys.insert(tx, {
      ...base,
      credential: credentialID,
      sealedBlob,
      sealedDek,
      lineHash,
      attestation: JSON.stringify(attestation),
      ...{ request, serials: '[]', endsAt: null, endedAt: null, createdAt },
    });
    if (keyVersion === 1) {
      await signer.rows.credentials.insert(tx, {
        ...{ id: credentialID, subscriber, key: base.id, keyType, otp: order.otp, createdAt, blocked: false },
        ...{ chain: '[]', serial: '', certificate: '', certificateStatus: 'good', notBefore: 0, notAfter: 0 },
      });
    }
    const hashes = { spki: sha256(spki).toString('hex'), lineHash: lineHash.toString('hex') };
    const detail = { key: base.id, keyType, keyVersion, ...hashes };
    await record(signer, tx, {
      event: 'key.made',
      actor: 'ca',
      result: 'done',
      subscriber,
      credential: credentialID,
      detail,
    });
  };
  return { answer: answerOf({ attestation, request }), commit };
}

/** The first key makes the credential, each further one is for a credential that has all those before it. */
async function assertNext({ rows, store }: Signer, { credentialID, subscriber, keyVersion = 1 }: MakeKeyOrder) {
  const keys = await rows.keys.list(store.read, { credential: credentialID });
  if (keys.some((key) => key.subscriber !== subscriber || key.keyVersion >= keyVersion))
    throw new KysoError('orderRefused', 'this credential is somebody else’s, or has a key of this version');
  if (keyVersion > 1 && keys.length === 0) throw new KysoError('orderRefused', 'a further key without a first one');
}

/** What was answered when the key of an order was made; for an order that ca sends again. */
export async function keyAnswerOf(
  { rows, store }: Signer,
  { credentialID: credential, keyVersion = 1 }: MakeKeyOrder,
): Promise<KeyAnswer | undefined> {
  const key = await rows.keys.find(store.read, { credential, keyVersion });
  return key && answerOf({ attestation: JSON.parse(key.attestation), request: key.request });
}

function answerOf({ attestation, request }: { attestation: Attestation; request: Buffer | null }): KeyAnswer {
  return { attestation, ...(request && { request: request.toString('base64') }) };
}

async function attest(signer: Signer, payload: AttestationPayload): Promise<Attestation> {
  const statement = canonicalize(payload) as string;
  const [signature] = await signer.token.signResident({
    label: tokenLabels.attestation,
    keyType: 'EC-P256',
    spki: signer.attestationSpki,
    digest: 'SHA-256',
    digests: [sha256(statement)],
  });
  if (!signature) throw new KysoError('internal', 'the token gave no attestation');
  return { statement, signature: signature.toString('base64') };
}

/**
 * The same key under another KEK, its blob and DEK sealed anew; the DEK stays, so SADs that were given before work on.
 * Answers what changes in the row.
 * @throws KysoError integrity | tokenUnavailable
 */
export async function rewrapKey(
  signer: Signer,
  key: Key,
  to: string,
  { vault, privateKey }: { vault: Pick<Vault, 'publicKey'>; privateKey: Buffer },
): Promise<Pick<Key, 'kek' | 'mechanism' | 'sealedBlob' | 'sealedDek'>> {
  const { kek: from, spki } = key;
  const dek = await openDek(privateKey, key);
  let wrapped: Buffer | undefined;
  try {
    wrapped = open(dek, key.sealedBlob, facts(key, 'blob'));
    const keyType = key.keyType as KeyTypeName;
    const moved = await signer.token.rewrap({ from, to, keyType, spki, wrapped, mechanism: key.mechanism });
    const next = { ...key, kek: to, mechanism: moved.mechanism };
    const sealedBlob = seal(dek, moved.wrapped, facts(next, 'blob'));
    const sealedDek = await sealTo(vault.publicKey, dek, facts(next, 'dek'));
    return { kek: to, mechanism: moved.mechanism, sealedBlob, sealedDek };
  } finally {
    wipe(dek, wrapped);
  }
}

/** Opens the DEK with the vault's private half. The caller wipes both. */
export function openDek(privateKey: Buffer, key: Key): Promise<Buffer> {
  return openFrom(privateKey, key.sealedDek, facts(key, 'dek'));
}

/** Opens the blob and has the token sign with the key in it; every signature was verified when this resolves (S12). */
export async function signWithKey(signer: Signer, key: Key, dek: Buffer, scheme: SignScheme, digests: Buffer[]) {
  const wrapped = open(dek, key.sealedBlob, facts(key, 'blob'));
  try {
    const { kek, mechanism, spki } = key;
    return await signer.token.sign({
      keyType: key.keyType as KeyTypeName,
      kek,
      wrapped,
      mechanism,
      spki,
      ...scheme,
      digests,
    });
  } finally {
    wipe(wrapped);
  }
}
