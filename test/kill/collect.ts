import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import type { Config } from '../../src/config.ts';
import type { ApiStore, CaStore, Log, SignerStore } from './facts.ts';

type Row = Record<string, unknown>;
type Domain = 'signer' | 'ca' | 'api';
/** Reads a table as it stands in the database, without any of Kyso's own code. */
type Read = (domain: Domain, table: string, columns: string) => Promise<Row[]>;

/** What the three stores hold, read beside the running processes or after them. */
export async function collectStores(config: Config): Promise<{ signer: SignerStore; ca: CaStore; api: ApiStore }> {
  const { read, close } =
    config.store.engine === 'sqlite' ? sqliteReader(config) : postgresqlReader(config.store.signer);
  try {
    return { signer: await signerStore(read), ca: await caStore(read), api: await apiStore(read) };
  } finally {
    await close();
  }
}

function sqliteReader({ directory }: Config): { read: Read; close: () => Promise<void> } {
  const open = (domain: Domain) =>
    new Database(join(directory, domain, 'store.db'), { readonly: true, timeout: 5_000 });
  const files = { signer: open('signer'), ca: open('ca'), api: open('api') };
  return {
    read: async (domain, table, columns) => files[domain].prepare(`SELECT ${columns} FROM ${table}`).all() as Row[],
    close: async () => Object.values(files).forEach((file) => void file.close()),
  };
}

function postgresqlReader(url: string): { read: Read; close: () => Promise<void> } {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  return {
    read: async (domain, table, columns) => (await pool.query(`SELECT ${columns} FROM ${domain}.${table}`)).rows,
    close: () => pool.end(),
  };
}

const hex = (bytes: unknown) => (bytes as Buffer).toString('hex');
/** PostgreSQL's bigint comes as text. */
const number = (value: unknown) => Number(value);

/** Renames nothing but the columns that are written with an underscore; every value keeps its type. */
const rows = async <T>(found: Promise<Row[]>, make: (row: Row) => Row) => (await found).map(make) as T[];
const asIs = (row: Row) => row;

async function logOf(read: Read, domain: Domain): Promise<Log> {
  const [head] = await read(domain, 'log_head', 'size');
  const leaves = rows<Log['leaves'][number]>(read(domain, 'log_leaves', 'id, position, leaf_hash, leaf'), (row) => ({
    ...{ id: row.id, leaf: row.leaf, leafHash: hex(row.leaf_hash) },
    position: row.position === null ? null : number(row.position),
  }));
  return { leaves: await leaves, size: number(head?.size) };
}

async function signerStore(read: Read): Promise<SignerStore> {
  const table = <T>(name: string, columns: string, make = asIs) => rows<T>(read('signer', name, columns), make);
  return {
    ...(await logOf(read, 'signer')),
    subscribers: await table('subscribers', 'id, user_id AS "userID", status'),
    vaults: await table('vaults', 'subscriber, opened_by AS "openedBy"'),
    factors: await table(
      'factors',
      `subscriber, pin_failures AS "pinFailures", otp_failures AS "otpFailures",
       activation_failures AS "activationFailures"`,
    ),
    keys: await table('keys', 'id, credential, subscriber, spki', (row) => ({ ...row, spki: hex(row.spki) })),
    credentials: await table('credentials', 'id, key, chain', ({ id, key, chain }) => ({
      ...{ id, key },
      ...certificateKey(JSON.parse(chain as string)),
    })),
    authorizations: await authorizationsOf(read),
    signings: await table('signings', 'id, authorization_id, signatures, outcome, started_at', (row) => ({
      ...{ id: row.id, authorization: row.authorization_id, signatures: row.signatures, outcome: row.outcome },
      startedAt: number(row.started_at),
    })),
  };
}

async function authorizationsOf(read: Read): Promise<SignerStore['authorizations']> {
  const joined = new Map(
    (await read('signer', 'authorized_hashes', 'authorization_id AS id, digests')).map((row) => [row.id, row.digests]),
  );
  const found = await read('signer', 'authorizations', 'id, total, remaining, open, spent');
  return found.map(({ id, total, remaining, open, spent }) => {
    const text = joined.has(id) ? hex(joined.get(id)) : '';
    const digests = text.match(/.{64}/g) ?? [];
    const bits = spent as Buffer;
    const isSpent = (_: string, place: number) => (((bits[place >> 3] ?? 0) >> (place & 7)) & 1) === 1;
    return { id, total, remaining, open, digests: [...digests], spent: digests.filter(isSpent) } as never;
  });
}

function certificateKey([leaf]: string[]): { certificateSpki?: string } {
  if (leaf === undefined) return {};
  const { publicKey } = new X509Certificate(Buffer.from(leaf, 'base64'));
  return { certificateSpki: hex(publicKey.export({ type: 'spki', format: 'der' })) };
}

async function caStore(read: Read): Promise<CaStore> {
  const lines = rows<CaStore['lines'][number]>(
    read('ca', 'lines', 'line_hash AS "lineHash", credential, status, key_order, certificate'),
    (row) => ({ ...row, keyOrder: row.key_order === null ? null : number(row.key_order) }),
  );
  return {
    ...(await logOf(read, 'ca')),
    credentials: (await read('ca', 'credentials', 'id, status, certificate')) as never,
    lines: await lines,
    certificates: (await read('ca', 'certificates', 'serial_number AS "serialNumber", credential, status')) as never,
    orders: (await read('ca', 'feed_orders', 'number')).map((row) => number(row.number)),
  };
}

const apiStore = async (read: Read): Promise<ApiStore> => ({
  logins: (await read('api', 'logins', 'user_id')).map((row) => row.user_id as string),
});
