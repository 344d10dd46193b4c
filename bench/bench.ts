/**
 * What Kyso adds to the token: `npm run bench -- [--engine sqlite|postgresql] [--rounds N] [--batches 1,100]
 * [--keys RSA-2048] [--credentials N] [--json FILE]`. How to read it stands in README.md beside this file.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ConfigFile } from '../src/config.ts';
import { startPostgresql } from '../test/helpers/postgresql.ts';
import { startBare } from './bare.ts';
import { measureCalls } from './calls.ts';
import { type BenchKey, measure, type Result, signAlgos } from './cases.ts';
import { enrolHolders } from './holders.ts';
import { watchLive } from './live.ts';
import { printCalls, printSizes, printTable, progress } from './report.ts';
import { initServer, startServer } from './server.ts';
import { measureSize, type SizeResult } from './size.ts';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', multiple: true, default: ['sqlite', 'postgresql'] },
    keys: { type: 'string', default: 'RSA-2048,EC-P256' },
    batches: { type: 'string', default: '1,10,100,1000' },
    rounds: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '2' },
    credentials: { type: 'string' },
    json: { type: 'string' },
  },
});
const keyTypes = values.keys.split(',').filter((name): name is BenchKey => Object.hasOwn(signAlgos, name));
const batches = values.batches.split(',').map(Number);
const results: (Result | SizeResult)[] = [];
const directory = mkdtempSync(join(tmpdir(), 'kyso-bench-'));
chmodSync(directory, 0o755);
try {
  if (values.engine.includes('sqlite')) await measureOn('sqlite', async () => ({ engine: 'sqlite' }));
  if (values.engine.includes('postgresql')) {
    const cluster = await startPostgresql();
    await measureOn('postgresql', async () => {
      const url = await cluster.url();
      return { engine: 'postgresql', signer: url, ca: url, api: url, notify: url };
    });
    await cluster.stop();
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);

async function measureOn(engine: 'sqlite' | 'postgresql', store: () => Promise<ConfigFile['store']>): Promise<void> {
  const [rounds, milliseconds] = [Number(values.rounds), 1000 * Number(values.seconds)];
  if (values.credentials) {
    const options = { rounds, milliseconds, keyTypes, batches };
    const sizes = await measureSize(directory, engine, store, Number(values.credentials), options);
    printSizes(sizes);
    results.push(...sizes);
    return;
  }
  progress(`${engine}: a new server and its people`);
  const config = await initServer(join(directory, engine), await store());
  const server = await startServer(config);
  const bare = await startBare(join(directory, engine), config.pkcs11.module, config.pkcs11.workers);
  const live = await watchLive(server.port);
  try {
    const holders = await enrolHolders(server, keyTypes, 4);
    const measured: Result[] = [];
    for (const keyType of keyTypes)
      for (const batch of batches)
        measured.push(
          await measure(keyType, batch, { server, engine, bare, holders, rounds, milliseconds, live, progress }),
        );
    printTable(measured);
    printCalls(engine, await measureCalls(server, holders, progress));
    results.push(...measured);
  } finally {
    bare.stop();
    await live.stop();
    await server.stop();
  }
}
