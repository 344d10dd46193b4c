import { and, eq, gt, isNull, lt, not, sql } from '../drizzle.ts';
import { given, prepared } from '../prepared.ts';
import type { AccessToken, ApiTx, Client, Grant } from './tables.ts';

/** Ended grants stay for a day, so that an operator can still see them. */
const keptAfterEnd = 86_400_000;

export async function insertGrant(tx: ApiTx, grant: Omit<Grant, 'revokedAt'>): Promise<void> {
  await tx.db.insert(tx.t.grants).values({ ...grant, revokedAt: null });
}

/** The grant of this id, live or not. */
export async function findGrant(tx: ApiTx, id: string): Promise<Grant | undefined> {
  const [grant] = await tx.db.select().from(tx.t.grants).where(eq(tx.t.grants.id, id));
  return grant;
}

/** The grant of this id and its client, if it is neither ended nor revoked and the client is not suspended. */
export async function liveGrant(
  tx: ApiTx,
  id: string,
  now: number,
): Promise<{ grant: Grant; client: Client } | undefined> {
  const { clients, grants } = tx.t;
  const [row] = await tx.db
    .select()
    .from(grants)
    .innerJoin(clients, eq(clients.id, grants.client))
    .where(and(eq(grants.id, id), ...isLive(tx, now)));
  return row && { grant: row.grants, client: row.clients };
}

const isLive = ({ t: { clients, grants } }: ApiTx, now: number | ReturnType<typeof given>) => [
  gt(grants.expiresAt, now),
  isNull(grants.revokedAt),
  not(clients.suspended),
];

/** Moves the end of a grant, unless it was revoked; the grant as it is now. */
export async function moveGrantEnd(tx: ApiTx, id: string, expiresAt: number): Promise<Grant | undefined> {
  const { grants } = tx.t;
  const [grant] = await tx.db
    .update(grants)
    .set({ expiresAt })
    .where(and(eq(grants.id, id), isNull(grants.revokedAt)))
    .returning();
  return grant;
}

/** Ends everything that this subscriber ever granted. */
export async function revokeGrantsOf(tx: ApiTx, subscriber: string, now: number): Promise<void> {
  const { grants } = tx.t;
  await tx.db
    .update(grants)
    .set({ revokedAt: now })
    .where(and(eq(grants.subscriber, subscriber), isNull(grants.revokedAt)));
}

/** Ends everything that anybody ever granted. */
export async function revokeAllGrants(tx: ApiTx, now: number): Promise<void> {
  const { grants } = tx.t;
  await tx.db.update(grants).set({ revokedAt: now }).where(isNull(grants.revokedAt));
}

/** Ends a grant at once, and with it all that was issued under it; true when it was live until now. */
export async function revokeGrant(tx: ApiTx, id: string, now: number): Promise<boolean> {
  const { grants } = tx.t;
  const rows = await tx.db
    .update(grants)
    .set({ revokedAt: now })
    .where(and(eq(grants.id, id), isNull(grants.revokedAt)))
    .returning();
  return rows.length > 0;
}

/** Records an access token by its `jti`; one that is not recorded is none. */
export async function insertAccessToken(tx: ApiTx, token: Omit<AccessToken, 'revokedAt'>): Promise<void> {
  await tx.db.insert(tx.t.accessTokens).values({ ...token, revokedAt: null });
}

/** The recorded access token of this `jti`, live or not. */
export async function findAccessToken(tx: ApiTx, id: string): Promise<AccessToken | undefined> {
  const [row] = await tx.db.select().from(tx.t.accessTokens).where(eq(tx.t.accessTokens.id, id));
  return row;
}

/** A grant as a request needs it, and the switches of its client. */
export type Access = Pick<Grant, 'id' | 'subscriber' | 'client' | 'scope'> & Pick<Client, 'switches'>;

/** What stands behind a live access token: neither it nor its grant has ended or was revoked, and its client works. */
export async function liveAccess(tx: ApiTx, id: string, now: number): Promise<Access | undefined> {
  const [found] = await access(tx, { id, now });
  return found;
}

// Not one join of three: SQLite compiles that anew each time it runs, which takes ten times as long as running it.
const access = prepared('accessTokens live', (tx: ApiTx) => {
  const { accessTokens, clients, grants } = tx.t;
  const now = given('now');
  const grant = tx.db
    .select({ id: accessTokens.grant })
    .from(accessTokens)
    .where(and(eq(accessTokens.id, given('id')), gt(accessTokens.expiresAt, now), isNull(accessTokens.revokedAt)));
  const { id, subscriber, client, scope } = grants;
  return tx.db
    .select({ id, subscriber, client, scope, switches: clients.switches })
    .from(grants)
    .innerJoin(clients, eq(clients.id, grants.client))
    .where(and(eq(grants.id, sql`(${grant})`), ...isLive(tx, now)));
});

/** Ends one access token at once; its grant and refresh token live on (CSC v1 §11.3). */
export async function revokeAccessToken(tx: ApiTx, id: string, now: number): Promise<void> {
  const { accessTokens } = tx.t;
  await tx.db
    .update(accessTokens)
    .set({ revokedAt: now })
    .where(and(eq(accessTokens.id, id), isNull(accessTokens.revokedAt)));
}

/** Forgets what ended more than a day ago. */
export async function purgeGrants(tx: ApiTx, now: number): Promise<void> {
  const { accessTokens, grants, refreshTokens } = tx.t;
  await tx.db.delete(accessTokens).where(lt(accessTokens.expiresAt, now - keptAfterEnd));
  await tx.db.delete(refreshTokens).where(lt(refreshTokens.expiresAt, now - keptAfterEnd));
  await tx.db.delete(grants).where(lt(grants.expiresAt, now - keptAfterEnd));
}
