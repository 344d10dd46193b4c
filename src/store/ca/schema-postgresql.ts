import { pgCore } from '../drizzle.ts';
import { bytes } from '../pg-columns.ts';

const { bigint, index, integer, pgSchema, text, uniqueIndex } = pgCore;
const instant = (name: string) => bigint(name, { mode: 'number' });
const sealedRow = { version: integer('version').notNull(), mac: bytes('mac').notNull() };

export const caSchema = pgSchema('ca');

export const subscribers = caSchema.table('subscribers', {
  id: text('id').primaryKey(),
  userId: text('user_id').notNull().unique(),
  name: text('name').notNull(),
  email: text('email').notNull(),
  phone: text('phone').notNull(),
  createdAt: instant('created_at').notNull(),
  ...sealedRow,
});

/** What lasts of a credential. `line` is the one that is being carried out for it, if any. */
export const credentials = caSchema.table(
  'credentials',
  {
    id: text('id').primaryKey(),
    subscriber: text('subscriber').notNull(),
    keyType: text('key_type').notNull(),
    otp: text('otp').notNull(),
    keyVersion: integer('key_version').notNull(),
    certificate: text('certificate'),
    organisation: text('organisation').notNull(),
    line: text('line'),
    status: text('status').notNull(),
    createdAt: instant('created_at').notNull(),
    ...sealedRow,
  },
  (table) => [index('credentials_subscriber').on(table.subscriber)],
);

/** A line of an organisation's list, and how far it is carried out. */
export const lines = caSchema.table(
  'lines',
  {
    lineHash: text('line_hash').primaryKey(),
    credential: text('credential').notNull(),
    procedure: text('procedure').notNull(),
    list: text('list').notNull(),
    text: text('text').notNull(),
    status: text('status').notNull(),
    keyVersion: integer('key_version').notNull(),
    keyOrder: instant('key_order'),
    spki: bytes('spki'),
    attestation: text('attestation'),
    certificate: text('certificate'),
    certificateOrder: instant('certificate_order'),
    refusal: text('refusal'),
    createdAt: instant('created_at').notNull(),
    ...sealedRow,
  },
  (table) => [
    index('lines_status').on(table.status),
    index('lines_credential').on(table.credential),
    index('lines_list').on(table.list),
  ],
);

/** Every key that was ever attested: none comes a second time, not even after its revocation. */
export const keys = caSchema.table(
  'keys',
  {
    spkiHash: text('spki_hash').primaryKey(),
    credential: text('credential').notNull(),
    keyVersion: integer('key_version').notNull(),
    spki: bytes('spki').notNull(),
    createdAt: instant('created_at').notNull(),
    ...sealedRow,
  },
  (table) => [uniqueIndex('keys_credential').on(table.credential, table.keyVersion)],
);

export const certificates = caSchema.table(
  'certificates',
  {
    serialNumber: text('serial_number').primaryKey(),
    credential: text('credential').notNull(),
    profile: text('profile').notNull(),
    /** The OIDs of its policies, JSON. */
    policies: text('policies').notNull(),
    subject: text('subject').notNull(),
    spki: bytes('spki').notNull(),
    notBefore: instant('not_before').notNull(),
    notAfter: instant('not_after').notNull(),
    tbs: bytes('tbs').notNull(),
    status: text('status').notNull(),
    certificate: bytes('certificate'),
    authority: text('authority').notNull(),
    shard: text('shard').notNull(),
    revocation: text('revocation').notNull(),
    reason: text('reason'),
    revokedBy: text('revoked_by'),
    revokedAt: instant('revoked_at'),
    createdAt: instant('created_at').notNull(),
    ...sealedRow,
  },
  (table) => [index('certificates_credential').on(table.credential)],
);

export const authorities = caSchema.table('authorities', {
  id: text('id').primaryKey(),
  role: text('role').notNull(),
  keyType: text('key_type').notNull(),
  label: text('label').notNull(),
  issuer: text('issuer').notNull(),
  serialNumber: text('serial_number').notNull().unique(),
  certificate: bytes('certificate').notNull(),
  notBefore: instant('not_before').notNull(),
  notAfter: instant('not_after').notNull(),
  status: text('status').notNull(),
  createdAt: instant('created_at').notNull(),
  ...sealedRow,
});

/** One command to hold, release or revoke; `begun` from the commit of its first half to that of its second. */
export const revocations = caSchema.table(
  'revocations',
  {
    id: text('id').primaryKey(),
    serialNumber: text('serial_number').notNull(),
    credential: text('credential').notNull(),
    act: text('act').notNull(),
    reason: text('reason').notNull(),
    level: text('level').notNull(),
    requestedBy: text('requested_by').notNull(),
    status: text('status').notNull(),
    at: instant('at').notNull(),
    ...sealedRow,
  },
  (table) => [index('revocations_serial_number').on(table.serialNumber), index('revocations_status').on(table.status)],
);

export const crlShards = caSchema.table(
  'crl_shards',
  {
    /** AUTHORITY/NUMBER, as its address ends. */
    id: text('id').primaryKey(),
    authority: text('authority').notNull(),
    /** Its address, as it stands in the certificates that belong here and in its CRLs: for ever. */
    url: text('url').notNull(),
    /** `open` for new certificates, or `full`. */
    state: text('state').notNull(),
    /** Certificates that belong here, and how many of them have an entry. */
    assigned: integer('assigned').notNull(),
    entries: integer('entries').notNull(),
    /** How often its entries changed, and how many of these changes the CRL in force knows. */
    revision: integer('revision').notNull(),
    published: integer('published').notNull(),
    /** The newest number that was taken, and that of the CRL in force; 0: none yet. */
    crlNumber: instant('crl_number').notNull(),
    inForce: instant('in_force').notNull(),
    /** Until when whoever took the newest number may be at work on it. */
    leasedUntil: instant('leased_until').notNull(),
    thisUpdate: instant('this_update').notNull(),
    nextUpdate: instant('next_update').notNull(),
    ...sealedRow,
  },
  (table) => [index('crl_shards_authority').on(table.authority, table.state)],
);

/** The CRL in force of each shard. */
export const crls = caSchema.table('crls', {
  shard: text('shard').primaryKey(),
  number: instant('number').notNull(),
  crl: bytes('crl').notNull(),
  ...sealedRow,
});

export const crlEntries = caSchema.table(
  'crl_entries',
  {
    serialNumber: text('serial_number').primaryKey(),
    shard: text('shard').notNull(),
    /** DER of one RevokedCertificate. */
    entry: bytes('entry').notNull(),
    /** The revision of the shard that it came with. */
    revision: integer('revision').notNull(),
    /** When its certificate expires. */
    notAfter: instant('not_after').notNull(),
    ...sealedRow,
  },
  (table) => [index('crl_entries_shard').on(table.shard)],
);

/** Roots of outside authorities whose certificates may be imported. */
export const trustAnchors = caSchema.table('trust_anchors', {
  fingerprint: text('fingerprint').primaryKey(),
  certificate: bytes('certificate').notNull(),
  enrolledBy: text('enrolled_by').notNull(),
  createdAt: instant('created_at').notNull(),
  ...sealedRow,
});

/** PKCS#10 requests that keys signed, for an outside authority. */
export const externalRequests = caSchema.table(
  'external_requests',
  {
    lineHash: text('line_hash').primaryKey(),
    credential: text('credential').notNull(),
    keyVersion: integer('key_version').notNull(),
    request: bytes('request').notNull(),
    ...sealedRow,
  },
  (table) => [index('external_requests_credential').on(table.credential)],
);

/** Certificates of outside authorities, and what was last heard of each. */
export const externalCertificates = caSchema.table(
  'external_certificates',
  {
    serialNumber: text('serial_number').primaryKey(),
    chain: text('chain').notNull(),
    /** When its authority said what is known, and when it was asked last; null: never, or never again. */
    sourceAt: instant('source_at'),
    askedAt: instant('asked_at'),
    nextAt: instant('next_at'),
    failure: text('failure'),
    ...sealedRow,
  },
  (table) => [index('external_certificates_next').on(table.nextAt)],
);

export const organisations = caSchema.table('organisations', {
  id: text('id').primaryKey(),
  code: text('code').notNull().unique(),
  name: text('name').notNull(),
  status: text('status').notNull(),
  createdAt: instant('created_at').notNull(),
  ...sealedRow,
});

export const organisationCertificates = caSchema.table(
  'organisation_certificates',
  {
    fingerprint: text('fingerprint').primaryKey(),
    organisation: text('organisation').notNull(),
    certificate: bytes('certificate').notNull(),
    enrolledBy: text('enrolled_by').notNull(),
    status: text('status').notNull(),
    createdAt: instant('created_at').notNull(),
    ...sealedRow,
  },
  (table) => [index('organisation_certificates_organisation').on(table.organisation)],
);

export const officers = caSchema.table('officers', {
  id: text('id').primaryKey(),
  user: text('user_name').notNull().unique(),
  name: text('name').notNull(),
  role: text('role').notNull(),
  status: text('status').notNull(),
  /** JSON of salt, hash and parameters of Argon2id; empty for the officers that a sandbox plays. */
  password: text('password').notNull(),
  sealedTotp: bytes('sealed_totp').notNull(),
  lastStep: instant('last_step').notNull(),
  failures: integer('failures').notNull(),
  lockedUntil: instant('locked_until').notNull(),
  createdAt: instant('created_at').notNull(),
  ...sealedRow,
});

/** What an organisation signed: the ordered list of its lines' hashes, and its signature over that. */
export const orderLists = caSchema.table('order_lists', {
  id: text('id').primaryKey(),
  organisation: text('organisation').notNull(),
  statement: text('statement').notNull(),
  signature: bytes('signature').notNull(),
  certificate: text('certificate').notNull(),
  receivedAt: instant('received_at').notNull(),
  ...sealedRow,
});

export const approvals = caSchema.table(
  'approvals',
  {
    id: text('id').primaryKey(),
    list: text('list').notNull(),
    officer: text('officer').notNull(),
    act: text('act').notNull(),
    at: instant('at').notNull(),
    ...sealedRow,
  },
  (table) => [
    uniqueIndex('approvals_act').on(table.list, table.act),
    uniqueIndex('approvals_officer').on(table.list, table.officer),
  ],
);

export const feedOrders = caSchema.table('feed_orders', {
  number: instant('number').primaryKey(),
  payload: text('payload').notNull(),
  signature: bytes('signature'),
  ...sealedRow,
});

export const feedHead = caSchema.table('feed_head', {
  name: text('name').primaryKey(),
  number: instant('number').notNull(),
});

export const settings = caSchema.table('settings', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
  ...sealedRow,
});

export const logLeaves = caSchema.table(
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

export const logHead = caSchema.table('log_head', {
  name: text('name').primaryKey(),
  size: instant('size').notNull(),
});
