import { sqliteCore } from '../drizzle.ts';

const { blob, index, integer, sqliteTable, text } = sqliteCore;
const instant = (name: string) => integer(name, { mode: 'number' });
const bytes = (name: string) => blob(name, { mode: 'buffer' });

export const messages = sqliteTable(
  'messages',
  {
    id: text('id').primaryKey(),
    channel: text('channel').notNull(),
    status: text('status').notNull(),
    sealed: bytes('sealed'),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    nextAt: instant('next_at').notNull(),
    attempts: integer('attempts').notNull(),
    endedAt: instant('ended_at'),
    receipt: text('receipt'),
    trouble: text('trouble'),
  },
  (table) => [
    index('messages_due').on(table.status, table.channel, table.nextAt),
    index('messages_ended').on(table.endedAt),
  ],
);
