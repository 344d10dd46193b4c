import { asc } from '../drizzle.ts';
import type { CaTx } from './tables.ts';

/** The authorities as they stand, their MACs unasked: for what has to be known before there is a key for MACs. */
export async function authoritiesUnsealed({ db, t: { authorities } }: CaTx) {
  const { id, role, label, certificate, notAfter } = authorities;
  return db.select({ id, role, label, certificate, notAfter }).from(authorities).orderBy(asc(id));
}
