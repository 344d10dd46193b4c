import { sqliteCore } from '../drizzle.ts';

const { blob, index, integer, sqliteTable, text } = sqliteCore;
const instant = (name: string) => integer(name, { mode: 'number' });
const bytes = (name: string) => blob(name, { mode: 'buffer' });
const boolean = (name: string) => integer(name, { mode: 'boolean' });

export const logins = sqliteTable('logins', {
  userId: text('user_id').primaryKey(),
  subscriber: text('subscriber').notNull().unique(),
  kdf: text('kdf').notNull(),
  salt: bytes('salt').notNull(),
  hash: bytes('hash').notNull(),
  createdAt: instant('created_at').notNull(),
  changedAt: instant('changed_at').notNull(),
});

export const clients = sqliteTable('clients', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  suspended: boolean('suspended').notNull(),
  switches: text('switches').notNull(),
  createdAt: instant('created_at').notNull(),
});

export const grants = sqliteTable(
  'grants',
  {
    id: text('id').primaryKey(),
    subscriber: text('subscriber').notNull(),
    client: text('client')
      .notNull()
      .references(() => clients.id),
    scope: text('scope').notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    revokedAt: instant('revoked_at'),
  },
  (table) => [index('grants_expiry').on(table.expiresAt), index('grants_subscriber').on(table.subscriber)],
);

export const accessTokens = sqliteTable(
  'access_tokens',
  {
    id: text('id').primaryKey(),
    grant: text('grant_id').notNull(),
    expiresAt: instant('expires_at').notNull(),
    revokedAt: instant('revoked_at'),
  },
  (table) => [index('access_tokens_expiry').on(table.expiresAt)],
);

export const refreshTokens = sqliteTable(
  'refresh_tokens',
  {
    id: text('id').primaryKey(),
    grant: text('grant_id').notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    usedAt: instant('used_at'),
  },
  (table) => [index('refresh_tokens_expiry').on(table.expiresAt)],
);

export const throttles = sqliteTable(
  'throttles',
  {
    id: text('id').primaryKey(),
    failures: integer('failures').notNull(),
    lockedUntil: instant('locked_until').notNull(),
    lastAt: instant('last_at').notNull(),
  },
  (table) => [index('throttles_last').on(table.lastAt)],
);

export const settings = sqliteTable('settings', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
});
