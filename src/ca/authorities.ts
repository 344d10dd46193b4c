import { X509Certificate } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { certificatePem } from '../pki/pem.ts';
import type { CaRows } from '../store/ca/rows.ts';
import type { AuthorityRow, CaStore } from '../store/ca/tables.ts';
import type { CaKey } from './ca-token.ts';
import { type AuthorityKind, type AuthorityRole, partsOfId } from './kinds.ts';

/** An authority, responder or time-stamping unit: its certificate, and its key in the token. */
export type CaAuthority = {
  /** KIND-NUMBER, as `issuing-rsa-1`. */
  id: string;
  role: AuthorityRole;
  /** DER. */
  certificate: Buffer;
  /** The certificates above it, the root last; empty for a root. */
  chain: Buffer[];
  /** The id of the authority that signed its certificate; a root's is its own. */
  issuer: string;
  /** Epoch milliseconds; both seconds belong to it. */
  notBefore: number;
  notAfter: number;
  /** Its certificate is revoked or on hold, as of the last `reload`: it does nothing new. */
  revoked: boolean;
  key: CaKey;
};

export type IssuingAuthority = CaAuthority & {
  /** Who answers OCSP for its certificates now. @throws KysoError configuration — nobody can */
  responder(): CaAuthority;
};

/** The authorities of this ca, as its store and its token have them. */
export type Pki = {
  /** Who issues certificates for keys of this type now. @throws KysoError configuration — it has ended */
  issuerOf(keyType: string): IssuingAuthority;
  /** Who signs timestamps now. @throws KysoError configuration — nobody can */
  timestamper(): CaAuthority;
  /** Who signs the certificates of new authorities of a kind with this issuer. @throws KysoError configuration */
  newest(kind: AuthorityKind): CaAuthority;
  byId(id: string): CaAuthority | undefined;
  /** Also those that have ended, oldest first. */
  all(): CaAuthority[];
  /** Takes in what a rollover made, and what was revoked. @throws KysoError as `openPki`; what was there stays */
  reload(): Promise<void>;
};

export type PkiParts = {
  store: CaStore;
  rows: CaRows;
  clock: Clock;
  /** The token's key of this label. @throws KysoError internal — it has none */
  keyOf(label: string): Promise<CaKey>;
};

/**
 * Opens the authorities and checks them (S85): each certificate is signed by its issuer up to a root, and the token has
 * its key. One that has ended needs no key, and is no longer used for anything but to show its certificate.
 * @throws KysoError configuration — a key of the token is missing or another one; integrity — a chain does not build
 */
export async function openPki(parts: PkiParts): Promise<Pki> {
  let known = await readAuthorities(parts);
  const now = () => parts.clock.now();

  function current(fits: (authority: CaAuthority) => boolean, name: string, kind: string): CaAuthority {
    const fitting = known.filter(fits);
    const newest = fitting.findLast((each) => !isRevoked(each)) ?? fitting.at(-1);
    if (newest && newest.notAfter >= now() && !isRevoked(newest)) return newest;
    const why = newest ? whyNot(newest) : 'there is none';
    throw new KysoError('configuration', `no ${name} can be used, ${why}: run kyso ca rollover ${kind}`);
  }
  /** Also the time-stamping unit of an issuing authority that is; a responder answers for its issuer all the same. */
  const isRevoked = ({ revoked, role, issuer }: CaAuthority) =>
    revoked || (role === 'tsa' && known.some(({ id, revoked }) => id === issuer && revoked));
  const whyNot = (each: CaAuthority) =>
    isRevoked(each) ? `${each.id} is revoked` : `${each.id} ended on ${new Date(each.notAfter).toISOString()}`;
  const newest = (kind: string) => current(({ id }) => partsOfId(id).kind === kind, kind, kind);
  const responderOf = (issuing: CaAuthority) =>
    current(
      ({ role, issuer }) => role === 'ocsp' && issuer === issuing.id,
      `OCSP responder of ${issuing.id}`,
      partsOfId(issuing.id).kind.replace('issuing', 'ocsp'),
    );

  return {
    issuerOf(keyType) {
      const issuing = newest(keyType.startsWith('EC-') ? 'issuing-ec' : 'issuing-rsa');
      return { ...issuing, responder: () => responderOf(issuing) };
    },
    timestamper: () => newest('tsa'),
    newest,
    byId: (id) => known.find((authority) => authority.id === id),
    all: () => [...known],
    async reload() {
      known = await readAuthorities(parts);
    },
  };
}

/** PEM of those of a role, in their order. */
export const pemOf = (all: readonly { role: string; certificate: Buffer }[], wanted: AuthorityRole): string =>
  all.flatMap(({ role, certificate }) => (role === wanted ? [certificatePem(certificate)] : [])).join('');

async function readAuthorities({ store, rows, clock, keyOf }: PkiParts): Promise<CaAuthority[]> {
  const found = await rows.authorities.list(store.read, {});
  const number = ({ id }: AuthorityRow) => partsOfId(id).number;
  const ordered = found.sort((a, b) => number(a) - number(b) || a.createdAt - b.createdAt);
  return Promise.all(
    ordered.map(async (row) => {
      const { id, role, certificate, issuer, notBefore, notAfter, serialNumber } = row;
      const ended = notAfter < clock.now();
      const key = ended ? endedKey(row) : await keyOf(row.label);
      if (!key.spki.equals(spkiOf(certificate))) throw anotherKey(id);
      const chain = chainOf(row, ordered).map((above) => above.certificate);
      // It has a row among the certificates once somebody asked to revoke it.
      const revocation = (await rows.certificates.find(store.read, { serialNumber }))?.revocation ?? 'none';
      const times = { notBefore, notAfter, revoked: revocation !== 'none' };
      return { ...{ id, role: role as AuthorityRole, certificate, chain, issuer }, ...times, key };
    }),
  );
}

/** The rows above this one up to the root, each of which signed the one before it. */
function chainOf(row: AuthorityRow, rows: AuthorityRow[], depth = 0): AuthorityRow[] {
  const issuer = rows.find(({ id }) => id === row.issuer);
  const [own, above] = [row, issuer].map((each) => each && new X509Certificate(each.certificate));
  if (!issuer || !own || !above || depth > 2 || !own.checkIssued(above) || !own.verify(above.publicKey))
    throw new KysoError('integrity', `the certificate of ${row.id} is not one of ${row.issuer}: restore ca's store`);
  return issuer.id === row.id ? [] : [issuer, ...chainOf(issuer, rows, depth + 1)];
}

const spkiOf = (certificate: Buffer) =>
  new X509Certificate(certificate).publicKey.export({ format: 'der', type: 'spki' });

const anotherKey = (id: string) =>
  new KysoError(
    'configuration',
    `the token has another key for ${id} than its certificate: kyso hsm probe ca shows which token answers`,
  );

/** The key of an authority that has ended signs nothing; the token may have lost it. */
const endedKey = ({ id, certificate }: AuthorityRow): CaKey => ({
  spki: spkiOf(certificate),
  sign: () => Promise.reject(new KysoError('configuration', `${id} has ended: nothing is signed with its key`)),
});
