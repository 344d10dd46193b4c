import { pgCore } from '../drizzle.ts';
import { bytes } from '../pg-columns.ts';

const { bigint, boolean, index, integer, pgSchema, text } = pgCore;
const instant = (name: string) => bigint(name, { mode: 'number' });

export const apiSchema = pgSchema('api');

/** Who may log in with a password. `failures` counts the tries since the last right one, each before it is checked. */
export const logins = apiSchema.table('logins', {
  userId: text('user_id').primaryKey(),
  subscriber: text('subscriber').notNull().unique(),
  kdf: text('kdf').notNull(),
  salt: bytes('salt').notNull(),
  hash: bytes('hash').notNull(),
  createdAt: instant('created_at').notNull(),
  changedAt: instant('changed_at').notNull(),
});

/** Applications. A suspended one gets no new tokens, and those it has stop working at once. */
export const clients = apiSchema.table('clients', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  suspended: boolean('suspended').notNull(),
  switches: text('switches').notNull(),
  createdAt: instant('created_at').notNull(),
});

/** What a subscriber granted to a client by logging in; access tokens name it, and die with it (S40). */
export const grants = apiSchema.table(
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

export const accessTokens = apiSchema.table(
  'access_tokens',
  {
    id: text('id').primaryKey(),
    grant: text('grant_id').notNull(),
    expiresAt: instant('expires_at').notNull(),
    revokedAt: instant('revoked_at'),
  },
  (table) => [index('access_tokens_expiry').on(table.expiresAt)],
);

export const refreshTokens = apiSchema.table(
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

export const throttles = apiSchema.table(
  'throttles',
  {
    id: text('id').primaryKey(),
    failures: integer('failures').notNull(),
    lockedUntil: instant('locked_until').notNull(),
    lastAt: instant('last_at').notNull(),
  },
  (table) => [index('throttles_last').on(table.lastAt)],
);

export const settings = apiSchema.table('settings', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
});
