import { sqliteCore } from '../drizzle.ts';

const { blob, index, integer, sqliteTable, text, uniqueIndex } = sqliteCore;
const instant = (name: string) => integer(name, { mode: 'number' });
const bytes = (name: string) => blob(name, { mode: 'buffer' });
const boolean = (name: string) => integer(name, { mode: 'boolean' });
const sealedRow = { version: integer('version').notNull(), mac: bytes('mac').notNull() };

export const subscribers = sqliteTable('subscribers', {
  id: text('id').primaryKey(),
  userId: text('user_id').notNull().unique(),
  name: text('name').notNull(),
  email: text('email').notNull(),
  phone: text('phone').notNull(),
  status: text('status').notNull(),
  createdAt: instant('created_at').notNull(),
  ...sealedRow,
});

export const vaults = sqliteTable(
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

export const factors = sqliteTable('factors', {
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

export const keys = sqliteTable(
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

export const credentials = sqliteTable(
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

export const authorizations = sqliteTable(
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

export const authorizedHashes = sqliteTable('authorized_hashes', {
  authorization: text('authorization_id').primaryKey(),
  digests: bytes('digests').notNull(),
});

export const signings = sqliteTable(
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

export const idempotencyKeys = sqliteTable(
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

export const oneTimeCodes = sqliteTable('one_time_codes', {
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

export const totpMoves = sqliteTable(
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

/** What signatures relied on, each once: certificates with the digest of their issuer's, and messages of the feed. */
export const evidence = sqliteTable('evidence', {
  digest: text('digest').primaryKey(),
  kind: text('kind').notNull(),
  bytes: bytes('bytes').notNull(),
  issuer: text('issuer'),
});

export const notices = sqliteTable(
  'notices',
  {
    id: text('id').primaryKey(),
    createdAt: instant('created_at').notNull(),
    sealed: bytes('sealed').notNull(),
  },
  (table) => [index('notices_created').on(table.createdAt)],
);

export const settings = sqliteTable('settings', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
  ...sealedRow,
});

export const logLeaves = sqliteTable(
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

export const logHead = sqliteTable('log_head', {
  name: text('name').primaryKey(),
  size: instant('size').notNull(),
});
