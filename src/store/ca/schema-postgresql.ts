import { pgCore } from '../drizzle.ts';
import { bytes } from '../pg-columns.ts';

const { bigint, index, integer, pgSchema, text } = pgCore;
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

export const credentials = caSchema.table(
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

export const certificates = caSchema.table(
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
