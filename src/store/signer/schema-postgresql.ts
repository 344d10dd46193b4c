import { pgCore } from '../drizzle.ts';
import { bytes } from '../pg-columns.ts';

const { bigint, boolean, index, integer, pgSchema, text, uniqueIndex } = pgCore;
const instant = (name: string) => bigint(name, { mode: 'number' });
const sealedRow = { version: integer('version').notNull(), mac: bytes('mac').notNull() };

export const signerSchema = pgSchema('signer');

export const subscribers = signerSchema.table('subscribers', {
  id: text('id').primaryKey(),
  userId: text('user_id').notNull().unique(),
  name: text('name').notNull(),
  email: text('email').notNull(),
  phone: text('phone').notNull(),
  status: text('status').notNull(),
  createdAt: instant('created_at').notNull(),
  ...sealedRow,
});

export const vaults = signerSchema.table(
  'vaults',
  {
    subscriber: text('subscriber').primaryKey(),
    publicKey: bytes('public_key').notNull(),
    sealedPrivate: bytes('sealed_private').notNull(),
    openedBy: text('opened_by').notNull(),
    salt: bytes('salt').notNull(),
    kdf: text('kdf').notNull(),
    pepper: text('pepper').notNull(),
    ...sealedRow,
  },
  (table) => [index('vaults_pepper').on(table.pepper)],
);

export const factors = signerSchema.table('factors', {
  subscriber: text('subscriber').primaryKey(),
  activationFailures: integer('activation_failures').notNull(),
  activationExpiresAt: instant('activation_expires_at').notNull(),
  activationDigest: bytes('activation_digest'),
  pinFailures: integer('pin_failures').notNull(),
  pinLockedUntil: instant('pin_locked_until').notNull(),
  otpFailures: integer('otp_failures').notNull(),
  otpLockedUntil: instant('otp_locked_until').notNull(),
  sealedTotp: bytes('sealed_totp'),
  lastStep: instant('last_step').notNull(),
  ...sealedRow,
});

export const keys = signerSchema.table(
  'keys',
  {
    id: text('id').primaryKey(),
    credential: text('credential').notNull(),
    subscriber: text('subscriber').notNull(),
    keyVersion: integer('key_version').notNull(),
    keyType: text('key_type').notNull(),
    spki: bytes('spki').notNull(),
    sealedBlob: bytes('sealed_blob').notNull(),
    sealedDek: bytes('sealed_dek').notNull(),
    kek: text('kek').notNull(),
    mechanism: text('mechanism').notNull(),
    lineHash: bytes('line_hash').notNull(),
    attestation: text('attestation').notNull(),
    request: bytes('request'),
    serials: text('serials').notNull(),
    endsAt: instant('ends_at'),
    endedAt: instant('ended_at'),
    createdAt: instant('created_at').notNull(),
    ...sealedRow,
  },
  (table) => [
    index('keys_kek').on(table.kek),
    index('keys_ends').on(table.endsAt),
    uniqueIndex('keys_credential').on(table.credential, table.keyVersion),
  ],
);

export const credentials = signerSchema.table(
  'credentials',
  {
    id: text('id').primaryKey(),
    subscriber: text('subscriber').notNull(),
    key: text('key').notNull(),
    keyType: text('key_type').notNull(),
    otp: text('otp').notNull(),
    blocked: boolean('blocked').notNull(),
    certificateStatus: text('certificate_status').notNull(),
    serial: text('serial').notNull(),
    certificate: text('certificate').notNull(),
    chain: text('chain').notNull(),
    notBefore: instant('not_before').notNull(),
    notAfter: instant('not_after').notNull(),
    createdAt: instant('created_at').notNull(),
    ...sealedRow,
  },
  (table) => [index('credentials_subscriber').on(table.subscriber)],
);

export const authorizations = signerSchema.table(
  'authorizations',
  {
    id: text('id').primaryKey(),
    subscriber: text('subscriber').notNull(),
    client: text('client').notNull(),
    grant: text('grant_id').notNull(),
    credential: text('credential').notNull(),
    key: text('key').notNull(),
    keyVersion: integer('key_version').notNull(),
    digest: text('digest').notNull(),
    total: integer('total').notNull(),
    remaining: integer('remaining').notNull(),
    open: integer('open').notNull(),
    origin: text('origin').notNull(),
    capAt: instant('cap_at').notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    epoch: text('epoch').notNull(),
    sealedDek: bytes('sealed_dek'),
    hashesMac: bytes('hashes_mac').notNull(),
    spent: bytes('spent').notNull(),
    ...sealedRow,
  },
  (table) => [
    index('authorizations_expiry').on(table.expiresAt),
    index('authorizations_subscriber').on(table.subscriber),
  ],
);

export const authorizedHashes = signerSchema.table('authorized_hashes', {
  authorization: text('authorization_id').primaryKey(),
  digests: bytes('digests').notNull(),
});

export const signings = signerSchema.table(
  'signings',
  {
    id: text('id').primaryKey(),
    authorization: text('authorization_id').notNull(),
    credential: text('credential').notNull(),
    subscriber: text('subscriber').notNull(),
    signatures: integer('signatures').notNull(),
    signAlgo: text('sign_algo').notNull(),
    outcome: text('outcome').notNull(),
    instance: text('instance').notNull(),
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at'),
  },
  (table) => [index('signings_outcome').on(table.outcome)],
);

export const idempotencyKeys = signerSchema.table(
  'idempotency_keys',
  {
    id: text('id').primaryKey(),
    fingerprint: bytes('fingerprint').notNull(),
    signing: text('signing').notNull(),
    answer: text('answer'),
    expiresAt: instant('expires_at').notNull(),
    ...sealedRow,
  },
  (table) => [index('idempotency_keys_expiry').on(table.expiresAt)],
);

export const oneTimeCodes = signerSchema.table('one_time_codes', {
  credential: text('credential').primaryKey(),
  subscriber: text('subscriber').notNull(),
  grant: text('grant_id').notNull(),
  codeMac: bytes('code_mac').notNull(),
  sentAt: instant('sent_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
  tries: integer('tries').notNull(),
  usedAt: instant('used_at'),
  windowAt: instant('window_at').notNull(),
  sends: integer('sends').notNull(),
  ...sealedRow,
});

export const totpMoves = signerSchema.table(
  'totp_moves',
  {
    subscriber: text('subscriber').primaryKey(),
    attestedBy: text('attested_by').notNull(),
    attestedAt: instant('attested_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    sealedTotp: bytes('sealed_totp'),
    confirmedStep: instant('confirmed_step'),
    effectiveAt: instant('effective_at'),
    ...sealedRow,
  },
  (table) => [index('totp_moves_effective').on(table.effectiveAt)],
);

/** What signatures relied on: certificates and feed messages, each once. */
export const evidence = signerSchema.table('evidence', {
  digest: text('digest').primaryKey(),
  kind: text('kind').notNull(),
  bytes: bytes('bytes').notNull(),
  issuer: text('issuer'),
});

export const notices = signerSchema.table(
  'notices',
  {
    id: text('id').primaryKey(),
    createdAt: instant('created_at').notNull(),
    sealed: bytes('sealed').notNull(),
  },
  (table) => [index('notices_created').on(table.createdAt)],
);

export const settings = signerSchema.table('settings', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
  ...sealedRow,
});

export const logLeaves = signerSchema.table(
  'log_leaves',
  {
    id: text('id').primaryKey(),
    position: instant('position').unique(),
    leafHash: bytes('leaf_hash').notNull(),
    leaf: text('leaf').notNull(),
    subscriber: text('subscriber'),
  },
  (table) => [index('log_leaves_subscriber').on(table.subscriber, table.id)],
);

export const logHead = signerSchema.table('log_head', {
  name: text('name').primaryKey(),
  size: instant('size').notNull(),
});
