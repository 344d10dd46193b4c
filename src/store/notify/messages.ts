import { and, asc, eq, gt, lt, lte, sql } from '../drizzle.ts';
import type { Message, NotifyTx } from './tables.ts';

export type EndStatus = 'sent' | 'failed' | 'expired';

/** Takes messages in; those whose id is known change nothing. */
export async function insertMessages(
  tx: NotifyTx,
  messages: Pick<Message, 'id' | 'channel' | 'sealed' | 'createdAt' | 'expiresAt'>[],
): Promise<void> {
  const rows = messages.map((message) => ({
    ...{ status: 'waiting', nextAt: message.createdAt, attempts: 0, endedAt: null, receipt: null, trouble: null },
    ...message,
  }));
  await tx.db.insert(tx.t.messages).values(rows).onConflictDoNothing();
}

/** Ids of a channel's messages whose time has come, the longest waiting first. */
export async function dueMessages(tx: NotifyTx, channel: string, now: number, most: number): Promise<string[]> {
  const { messages: m } = tx.t;
  const rows = await tx.db
    .select({ id: m.id })
    .from(m)
    .where(and(eq(m.status, 'waiting'), eq(m.channel, channel), lte(m.nextAt, now), gt(m.expiresAt, now)))
    .orderBy(asc(m.nextAt))
    .limit(most);
  return rows.map(({ id }) => id);
}

/**
 * Takes a message to deliver it: one conditional UPDATE, so of several deliverers one gets it. Until `leaseUntil` it is
 * nobody else's; if the taker dies, it is due again then.
 */
export async function claimMessage(
  tx: NotifyTx,
  id: string,
  now: number,
  leaseUntil: number,
): Promise<Message | undefined> {
  const { messages: m } = tx.t;
  const [row] = await tx.db
    .update(m)
    .set({ nextAt: leaseUntil, attempts: sql`${m.attempts} + 1` })
    .where(and(eq(m.id, id), eq(m.status, 'waiting'), lte(m.nextAt, now), gt(m.expiresAt, now)))
    .returning();
  return row;
}

/** Ends a message and erases what it said, in one statement. */
export async function endMessage(
  tx: NotifyTx,
  id: string,
  end: { status: EndStatus; endedAt: number; receipt: string | null; trouble: string | null },
): Promise<void> {
  const { messages: m } = tx.t;
  await tx.db
    .update(m)
    .set({ ...end, sealed: null })
    .where(and(eq(m.id, id), eq(m.status, 'waiting')));
}

/** Leaves a message for later, unless somebody else has taken it since this attempt. */
export async function postponeMessage(
  tx: NotifyTx,
  { id, attempts }: Pick<Message, 'id' | 'attempts'>,
  later: Pick<Message, 'nextAt' | 'trouble'>,
): Promise<void> {
  const { messages: m } = tx.t;
  await tx.db
    .update(m)
    .set(later)
    .where(and(eq(m.id, id), eq(m.attempts, attempts), eq(m.status, 'waiting')));
}

/** Ends all messages that nobody wants any more; returns their ids. */
export async function expireMessages(tx: NotifyTx, now: number): Promise<string[]> {
  const { messages: m } = tx.t;
  const rows = await tx.db
    .update(m)
    .set({ status: 'expired', endedAt: now, sealed: null })
    .where(and(eq(m.status, 'waiting'), lte(m.expiresAt, now)))
    .returning({ id: m.id });
  return rows.map(({ id }) => id);
}

export type Waiting = { channel: string; waiting: number; trouble: string | undefined };

/** How many messages wait on each channel where any do, and why the last try of one of them failed. */
export async function waitingMessages(tx: NotifyTx): Promise<Waiting[]> {
  const { messages: m } = tx.t;
  const rows = await tx.db
    .select({ channel: m.channel, waiting: sql<number>`count(*)`, trouble: sql<string | null>`max(${m.trouble})` })
    .from(m)
    .where(eq(m.status, 'waiting'))
    .groupBy(m.channel);
  // PostgreSQL counts in bigint, which arrives as text.
  return rows.map(({ channel, waiting, trouble }) => ({
    ...{ channel, waiting: Number(waiting) },
    trouble: trouble ?? undefined,
  }));
}

/** Forgets messages that ended before `instant`; until then a message that comes again is known. */
export async function purgeMessages(tx: NotifyTx, instant: number): Promise<void> {
  await tx.db.delete(tx.t.messages).where(lt(tx.t.messages.endedAt, instant));
}
