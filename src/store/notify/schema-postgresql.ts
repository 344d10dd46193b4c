import { pgCore } from '../drizzle.ts';
import { bytes } from '../pg-columns.ts';

const { bigint, index, integer, pgSchema, text } = pgCore;
const instant = (name: string) => bigint(name, { mode: 'number' });

export const notifySchema = pgSchema('notify');

/**
 * The outbox. `status` is waiting, sent, failed or expired; `sealed` holds the message under a key that is not in this
 * store, and only while it waits; the row stays for a while, so that a message that comes again is known.
 */
export const messages = notifySchema.table(
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
