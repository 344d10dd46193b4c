import { and, asc, eq, gt, gte, inArray, isNotNull, lt, type SQL, sql } from '../drizzle.ts';
import { given, prepared } from '../prepared.ts';
import type { Authorization, SignerTx } from './tables.ts';

/** Who and what a spend must fit; every field is a condition of the one UPDATE. */
export type SpendConditions = {
  id: string;
  subscriber: string;
  client: string;
  grant: string;
  credential: string;
  epoch: string;
  count: number;
  now: number;
};

/**
 * Takes `count` signatures from an authorization: one conditional UPDATE, which is also the lock (design §4). All
 * conditions stand in its own WHERE: PostgreSQL checks that again after waiting for a lock, and nothing else.
 * Returns the row as it is now, with the old MAC, or undefined when some condition does not hold.
 */
export async function takeFromAuthorization(tx: SignerTx, want: SpendConditions): Promise<Authorization | undefined> {
  const [row] = await take(tx, want);
  return row;
}

const take = prepared('authorizations take', ({ db, t: { authorizations: a } }: SignerTx) =>
  db
    .update(a)
    .set({ remaining: sql`${a.remaining} - ${given('count')}` })
    .where(
      and(
        eq(a.id, given('id')),
        eq(a.subscriber, given('subscriber')),
        eq(a.client, given('client')),
        eq(a.grant, given('grant')),
        eq(a.credential, given('credential')),
        eq(a.epoch, given('epoch')),
        gt(a.expiresAt, given('now')),
        gte(a.remaining, given('count')),
      ),
    )
    .returning(),
);

/** The condition under which an authorization may be exchanged for a new one: signatures are left, and time. */
export function mayExtend({ t: { authorizations: a } }: SignerTx, now: number): SQL | undefined {
  return and(gt(a.expiresAt, now), gte(a.remaining, 1));
}

/** The digests of an authorization, one after the other in the order in which they were given; written once. */
export async function insertDigests(tx: SignerTx, authorization: string, digests: Buffer): Promise<void> {
  await tx.db.insert(tx.t.authorizedHashes).values({ authorization, digests });
}

export async function findDigests(tx: SignerTx, authorization: string): Promise<Buffer | undefined> {
  const [row] = await digestsOf(tx, { authorization });
  return row?.digests;
}

const digestsOf = prepared('authorizedHashes of', ({ db, t: { authorizedHashes: h } }: SignerTx) =>
  db
    .select()
    .from(h)
    .where(eq(h.authorization, given('authorization'))),
);

/** Ids of authorizations that ended before `instant`, oldest first; `sealed`: only those that still hold a DEK. */
export async function endedBefore(tx: SignerTx, instant: number, sealed: boolean, most = 200): Promise<string[]> {
  const { authorizations: a } = tx.t;
  const ended = and(lt(a.expiresAt, instant), sealed ? isNotNull(a.sealedDek) : undefined);
  const rows = await tx.db.select({ id: a.id }).from(a).where(ended).orderBy(asc(a.expiresAt)).limit(most);
  return rows.map((row) => row.id);
}

/** Forgets authorizations and their hashes; what happened stays in the log. */
export async function deleteAuthorizations(tx: SignerTx, ids: string[]): Promise<void> {
  await tx.db.delete(tx.t.authorizedHashes).where(inArray(tx.t.authorizedHashes.authorization, ids));
  await tx.db.delete(tx.t.authorizations).where(inArray(tx.t.authorizations.id, ids));
}
