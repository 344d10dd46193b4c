/**
 * `npm run bench:crl`: a million certificates are revoked, in shards of 5,000; then one more. Prints what its shard's next
 * CRL costs, from the revocation on, and how much memory this process had at most. `--count N` for another number.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/base/clock.ts';
import { pkiUrlsAt } from '../src/base/pki-urls.ts';
import { initAuthority } from '../src/ca/ceremony.ts';
import { openAuthority } from '../src/ca/context.ts';
import { publishShard } from '../src/ca/crl.ts';
import { crlInForce } from '../src/ca/crl-in-force.ts';
import { residentKeys } from '../src/ca/kinds.ts';
import { revoke } from '../src/ca/revoke.ts';
import { shardId, shardSize } from '../src/ca/shards.ts';
import { createResidentKeys, initialiseSoftHsmToken } from '../src/hsm/init.ts';
import { startToken } from '../src/hsm/pool.ts';
import { newSerialNumber } from '../src/pki/certificate.ts';
import { encodeEntry } from '../src/pki/crl.ts';
import { caDomain } from '../src/store/ca/tables.ts';
import { openStore } from '../src/store/open-store.ts';

const { values } = parseArgs({ options: { count: { type: 'string', default: '1000000' } } });
const count = Number(values.count);
const issuer = 'issuing-rsa-1';
const urls = pkiUrlsAt('http://127.0.0.1:8700/pki');
const directory = mkdtempSync(join(tmpdir(), 'kyso-crl-'));
const token = await tokenIn(directory);
const store = await openStore(caDomain, { engine: 'sqlite', file: join(directory, 'ca.db') });
try {
  const names = { organisation: 'Kyso bench', name: 'Bench' };
  await initAuthority({ store, token, clock: systemClock, names, urls });
  const authority = await openAuthority({ store, token, clock: systemClock, mode: 'sandbox', urls });
  const { rows } = authority;
  const revokedAt = systemClock.now();
  const notAfter = revokedAt + 5 * 365 * 86_400_000;
  const shards = Math.ceil(count / shardSize);

  const filling = performance.now();
  for (let n = 1; n <= shards; n += 1) {
    const id = shardId(issuer, n);
    const entries = Math.min(shardSize - (n === shards ? 1 : 0), count);
    await store.write(async (tx) => {
      const row = {
        ...{ id, authority: issuer, url: urls.crl(id), state: n === shards ? 'open' : 'full' },
        ...{ assigned: entries, entries, revision: entries, published: 0, crlNumber: 0, inForce: 0 },
        ...{ leasedUntil: 0, thisUpdate: 0, nextUpdate: 0 },
      };
      const known = await rows.crlShards.lock(tx, { id });
      await (known ? rows.crlShards.replace(tx, known, row) : rows.crlShards.insert(tx, row));
      for (let each = 0; each < entries; each += 1) {
        const serialNumber = newSerialNumber();
        const entry = encodeEntry({ serialNumber, revokedAt: new Date(revokedAt), reason: 'cessationOfOperation' });
        await rows.crlEntries.insert(tx, { serialNumber, shard: id, entry, revision: 1, notAfter });
      }
    });
  }
  print(`${count} entries in ${shards} shards, written in ${seconds(filling)} s`);
  const last = shardId(issuer, shards);
  const publishing = performance.now();
  for (let n = 1; n <= shards; n += 1) await publishShard(authority, shardId(issuer, n));
  print(
    `all ${shards} CRLs once: ${seconds(publishing)} s, ${(Number(seconds(publishing)) / shards).toFixed(3)} s each`,
  );

  const serialNumber = newSerialNumber();
  await store.write((tx) =>
    rows.certificates.insert(tx, {
      ...{ serialNumber, credential: 'x', profile: 'individual', policies: '[]', subject: '{}', spki: Buffer.alloc(1) },
      ...{ notBefore: revokedAt, notAfter, tbs: Buffer.alloc(1), status: 'issued', certificate: Buffer.alloc(1) },
      ...{ authority: issuer, shard: last, revocation: 'none', reason: null, revokedBy: null, revokedAt: null },
      createdAt: revokedAt,
    }),
  );
  const before = process.memoryUsage().rss;
  const cpu = process.cpuUsage();
  const start = performance.now();
  await revoke(authority, { serialNumber, reason: 'retired', by: { level: 'operator', name: 'bench' } });
  const revoked = performance.now();
  await publishShard(authority, last);
  const { user, system } = process.cpuUsage(cpu);
  const published = performance.now();
  const { crl } = (await crlInForce(authority, last, 0))!;
  print(
    `one more: revoked in ${(revoked - start).toFixed(0)} ms, its shard (${crl?.length} bytes) published in ` +
      `${(published - revoked).toFixed(0)} ms; ${((user + system) / 1000).toFixed(0)} ms of CPU in this process`,
  );
  print(`memory: ${mib(before)} MiB before, ${mib(process.resourceUsage().maxRSS * 1024)} MiB at most in all`);
} finally {
  await token.stop();
  await store.close();
  rmSync(directory, { recursive: true, force: true });
}

/** A SoftHSM token with the keys of a new authority. */
async function tokenIn(directory: string) {
  const module = '/usr/lib/softhsm/libsofthsm2.so';
  const pin = () => Buffer.from('pin of the bench token');
  const access = { module, label: 'kyso-bench-ca', pin: pin() };
  const soPin = Buffer.from('pin of its officer');
  const environment = await initialiseSoftHsmToken({ ...access, tokenDirectory: directory, soPin });
  await createResidentKeys({ ...access, environment, keys: residentKeys });
  return startToken({ module, label: access.label, environment, workers: 1 }, pin(), { onPinRefused: () => {} });
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
