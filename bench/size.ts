import { join } from 'node:path';
import type { ConfigFile } from '../src/config.ts';
import { type BenchKey, signAlgos } from './cases.ts';
import { usageBelow } from './cpu.ts';
import { fillStores } from './fill.ts';
import { enrolHolders, type Holder, issueSads } from './holders.ts';
import { loadServer, requestsFor } from './load.ts';
import { progress } from './report.ts';
import { type BenchServer, initServer, startServer } from './server.ts';
import { median, percentile } from './statistics.ts';

/** How much the number of credentials costs: rates of the large server to those of the small one. */
export type SizeResult = {
  case: string;
  engine: string;
  keyType: BenchKey;
  batch: number;
  credentials: [number, number];
  throughputRatio: number;
  p99Ratio: number;
};

type Started = { server: BenchServer; holders: Holder[]; startSeconds: number };
type Options = { rounds: number; milliseconds: number; keyTypes: BenchKey[]; batches: number[] };

/** Two servers side by side, one with a thousand credentials, take turns. */
export async function measureSize(
  directory: string,
  engine: string,
  store: () => Promise<ConfigFile['store']>,
  count: number,
  { rounds, milliseconds, keyTypes, batches }: Options,
): Promise<SizeResult[]> {
  const sizes: [number, number] = [1000, count];
  const started: Started[] = [];
  for (const size of sizes)
    started.push(await start(join(directory, `${engine}-${size}`), await store(), size, keyTypes));
  try {
    const results: SizeResult[] = [];
    for (const keyType of keyTypes) {
      for (const batch of batches) {
        const name = `signHash ${keyType} × ${batch}`;
        const rounds1 = await takeTurns(name, started, keyType, batch, rounds, milliseconds);
        const [small, large] = rounds1 as [Turns, Turns];
        const pairs = small.rates.map((rate, n) => (large.rates[n] ?? 0) / rate);
        results.push({
          ...{ case: name, engine, keyType, batch, credentials: sizes },
          throughputRatio: median(pairs),
          p99Ratio: percentile(large.times, 99) / percentile(small.times, 99),
        });
      }
    }
    for (const [n, { server, startSeconds }] of started.entries()) {
      const memory = usageBelow(server.supervisor).map(({ memory: bytes }) => bytes / 2 ** 20);
      console.log(
        `\n${engine}, ${sizes[n]} credentials: ready ${startSeconds.toFixed(1)} s after the start; largest process ${Math.max(...memory).toFixed(0)} MiB, all ${memory.reduce((a, b) => a + b).toFixed(0)} MiB`,
      );
    }
    return results;
  } finally {
    for (const { server } of started) await server.stop();
  }
}

async function start(
  directory: string,
  store: ConfigFile['store'],
  size: number,
  keyTypes: BenchKey[],
): Promise<Started> {
  progress(`a server with ${size} credentials`);
  const config = await initServer(directory, store);
  const first = await startServer(config);
  const holders = await enrolHolders(first, keyTypes, 4);
  await first.stop();
  progress(`filling the stores with ${size} credentials`);
  await fillStores(config, size - holders.length);
  const begun = performance.now();
  const server = await startServer(config);
  return { server, holders, startSeconds: (performance.now() - begun) / 1000 };
}

type Turns = { rates: number[]; times: number[] };

async function takeTurns(
  name: string,
  servers: Started[],
  keyType: BenchKey,
  batch: number,
  rounds: number,
  milliseconds: number,
): Promise<Turns[]> {
  const clients = batch === 1 ? 64 : 8;
  const load = { clients, batch };
  const ready = [];
  for (const { server, holders: all } of servers) {
    const holders = all.filter((holder) => holder.keyType === keyType);
    const requests = async (count: number) => requestsFor(await issueSads(holders, count), batch, signAlgos[keyType]);
    const warm = await loadServer(server.port, await requests(24_000), { ...load, milliseconds: 1000 });
    const wanted = (warm.signatures / warm.elapsed) * milliseconds * rounds * 1.8 + clients * batch * rounds;
    progress(`${name}: ${Math.ceil(wanted / 1000)} SADs`);
    ready.push({ server, requests: await requests(wanted) });
  }
  const turns: Turns[] = servers.map(() => ({ rates: [], times: [] }));
  for (let round = 1; round <= rounds; round += 1) {
    progress(`${name}: round ${round} of ${rounds}`);
    for (const [n, { server, requests }] of ready.entries()) {
      const { signatures, elapsed, times } = await loadServer(server.port, requests, { ...load, milliseconds });
      turns[n]!.rates.push(signatures / elapsed);
      turns[n]!.times.push(...times);
    }
  }
  return turns;
}
