import { sqliteCore } from '../drizzle.ts';

const { blob, index, integer, sqliteTable, text } = sqliteCore;
const instant = (name: string) => integer(name, { mode: 'number' });
const bytes = (name: string) => blob(name, { mode: 'buffer' });
const sealedRow = { version: integer('version').notNull(), mac: bytes('mac').notNull() };

export const subscribers = sqliteTable('subscribers', {
  id: text('id').primaryKey(),
  userId: text('user_id').notNull().unique(),
  name: text('name').notNull(),
  email: text('email').notNull(),
  phone: text('phone').notNull(),
  createdAt: instant('created_at').notNull(),
  ...sealedRow,
});

export const credentials = sqliteTable(
  'credentials',
  {
    id: text('id').primaryKey(),
    subscriber: text('subscriber').notNull(),
    keyType: text('key_type').notNull(),
    line: text('line').notNull(),
    lineHash: text('line_hash').notNull().unique(),
    status: text('status').notNull(),
    keyOrder: instant('key_order').notNull(),
    spki: bytes('spki'),
    spkiHash: text('spki_hash').unique(),
    attestation: text('attestation'),
    certificate: text('certificate'),
    certificateOrder: instant('certificate_order'),
    createdAt: instant('created_at').notNull(),
    ...sealedRow,
  },
  (table) => [index('credentials_status').on(table.status)],
);

export const certificates = sqliteTable(
  'certificates',
  {
    serialNumber: text('serial_number').primaryKey(),
    credential: text('credential').notNull(),
    profile: text('profile').notNull(),
    subject: text('subject').notNull(),
    spki: bytes('spki').notNull(),
    notBefore: instant('not_before').notNull(),
    notAfter: instant('not_after').notNull(),
    tbs: bytes('tbs').notNull(),
    status: text('status').notNull(),
    certificate: bytes('certificate'),
    createdAt: instant('created_at').notNull(),
    ...sealedRow,
  },
  (table) => [index('certificates_credential').on(table.credential)],
);

export const feedOrders = sqliteTable('feed_orders', {
  number: instant('number').primaryKey(),
  payload: text('payload').notNull(),
  signature: bytes('signature'),
  ...sealedRow,
});

export const feedHead = sqliteTable('feed_head', {
  name: text('name').primaryKey(),
  number: instant('number').notNull(),
});

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
