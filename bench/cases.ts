import type { KeyTypeName } from '../src/crypto/algorithms.ts';
import type { Engine } from '../src/store/store.ts';
import type { Bare, Rate } from './bare.ts';
import type { BareKind } from './bare-loop.ts';
import { ofSigning, type Usage, usageBelow } from './cpu.ts';
import { type Holder, issueSads } from './holders.ts';
import { type Load, loadServer, requestsFor } from './load.ts';
import type { BenchServer } from './server.ts';
import { median, percentile } from './statistics.ts';

/** One line of the result. Ratios are server to bare loop: 1 would mean that only the token costs anything. */
export type Result = {
  case: string;
  engine: Engine;
  keyType: KeyTypeName;
  batch: number;
  bare: BareKind;
  cpuRatio: number;
  throughputRatio: number;
  perSecond: number;
  /** Microseconds of CPU for one signature: the server's, the bare loop's. */
  cpuEach: number;
  bareCpuEach: number;
  /** Of PostgreSQL's own processes; 0 on SQLite. Not in the ratio. */
  storeCpuEach: number;
  /** Milliseconds that a call took. */
  p50: number;
  p95: number;
  p99: number;
  /** Of `GET /health/live`, meanwhile. */
  liveP99: number;
};

export const signAlgos = { 'RSA-2048': '1.2.840.113549.1.1.11', 'EC-P256': '1.2.840.10045.4.3.2' } as const;
export type BenchKey = keyof typeof signAlgos;

/** What a batch is held against: many signatures of one key, or one signature for which a key must be unwrapped. */
export function bareKind(keyType: BenchKey, batch: number): BareKind {
  if (batch === 1) return 'unwrap+sign+destroy';
  return keyType === 'RSA-2048' ? 'sign' : 'sign+verify';
}

/** More clients than workers, so that no worker waits for a client. */
const clientsFor = (batch: number) => (batch === 1 ? 64 : batch <= 10 ? 16 : batch <= 100 ? 8 : 4);

export type Parts = {
  server: BenchServer;
  engine: Engine;
  bare: Bare;
  holders: Holder[];
  rounds: number;
  milliseconds: number;
  live: { take(): number[] };
  progress(text: string): void;
};

/**
 * Bare loop and server take turns, round by round, so that whatever else the machine does falls on both; the ratios are
 * medians over the pairs. One round before warms both up and says how many SADs the others need.
 */
export async function measure(keyType: BenchKey, batch: number, parts: Parts): Promise<Result> {
  const { server, engine, bare, rounds, milliseconds, live, progress } = parts;
  const holders = parts.holders.filter((holder) => holder.keyType === keyType);
  const kind = bareKind(keyType, batch);
  const name = `signHash ${keyType} × ${batch}`;
  const clients = clientsFor(batch);
  const work = async (requests: Buffer[], long: number) =>
    serverRound(server, () => loadServer(server.port, requests, { clients, milliseconds: long, batch }));

  progress(`${name}: warming up`);
  await bare.run({ kind, keyType, milliseconds: 500 });
  const warm = await work(requestsFor(await issueSads(holders, 24_000), batch, signAlgos[keyType]), 1000);
  const wanted = warm.perSecond * (milliseconds / 1000) * rounds * 1.8 + clients * batch * rounds;
  progress(`${name}: ${Math.ceil(wanted / 1000)} SADs`);
  const requests = requestsFor(await issueSads(holders, wanted), batch, signAlgos[keyType]);

  const pairs: { bare: Rate; server: Rate; storeCpuEach: number; times: number[] }[] = [];
  live.take();
  const liveTimes: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`${name}: round ${round} of ${rounds}`);
    const bareRate = await bare.run({ kind, keyType, milliseconds });
    live.take();
    pairs.push({ bare: bareRate, ...asPair(await work(requests, milliseconds)) });
    liveTimes.push(...live.take());
  }
  const times = pairs.flatMap((pair) => pair.times);
  return {
    ...{ case: name, engine, keyType, batch, bare: kind },
    cpuRatio: median(pairs.map((pair) => pair.bare.cpuEach / pair.server.cpuEach)),
    throughputRatio: median(pairs.map((pair) => pair.server.perSecond / pair.bare.perSecond)),
    perSecond: median(pairs.map((pair) => pair.server.perSecond)),
    cpuEach: median(pairs.map((pair) => pair.server.cpuEach)),
    bareCpuEach: median(pairs.map((pair) => pair.bare.cpuEach)),
    storeCpuEach: median(pairs.map((pair) => pair.storeCpuEach)),
    ...{ p50: percentile(times, 50), p95: percentile(times, 95), p99: percentile(times, 99) },
    liveP99: percentile(liveTimes, 99),
  };
}

type Round = Rate & { storeCpuEach: number; times: number[] };
const asPair = ({ times, storeCpuEach, ...server }: Round) => ({ server, storeCpuEach, times });

/** CPU is that of api, signer and token workers, until the last answer. */
async function serverRound({ supervisor }: BenchServer, work: () => Promise<Load>): Promise<Round> {
  const cpu = () => sum(ofSigning(usageBelow(supervisor)));
  const storeCpu = () => sum(usageBelow(process.pid).filter(({ title }) => title.includes('postgres')));
  const [before, storeBefore] = [cpu(), storeCpu()];
  const { signatures, elapsed, times } = await work();
  return {
    perSecond: (1000 * signatures) / elapsed,
    cpuEach: (cpu() - before) / signatures,
    storeCpuEach: (storeCpu() - storeBefore) / signatures,
    times,
  };
}

const sum = (processes: Usage[]) => processes.reduce((total, one) => total + one.cpu, 0);
