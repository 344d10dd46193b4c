import { randomBytes } from 'node:crypto';
import type { Holder } from './holders.ts';
import { message, open } from './http.ts';
import type { BenchServer } from './server.ts';
import { percentile } from './statistics.ts';

/** The other calls on the way to a signature: how many a second from eight clients, and what each takes. */
export type CallResult = { call: string; perSecond: number; p50: number; p95: number; p99: number };

const clients = 8;
const milliseconds = 2000;

export async function measureCalls(
  server: BenchServer,
  holders: Holder[],
  progress: (text: string) => void,
): Promise<CallResult[]> {
  const [{ token, credentialID }] = holders as [Holder];
  const list = message('/csc/v1/credentials/list', token, {});
  const info = message('/csc/v1/credentials/info', token, { credentialID, certificates: 'chain', authInfo: true });
  progress('credentials/list, credentials/info, credentials/authorize');
  return [
    await repeat('credentials/list', server.port, list),
    await repeat('credentials/info', server.port, info),
    await authorizing(holders.filter(({ keyType }) => keyType === holders[0]?.keyType)),
  ];
}

async function repeat(call: string, port: number, request: Buffer): Promise<CallResult> {
  const times: number[] = [];
  const start = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      const connection = await open(port);
      while (performance.now() - start < milliseconds) {
        const before = performance.now();
        const { status } = await connection.send(request);
        if (status !== 200) throw new Error(`${call} answered ${status}`);
        times.push(performance.now() - before);
      }
      connection.close();
    }),
  );
  return summary(call, times, performance.now() - start);
}

/** One credential of each person, each time with a code by e-mail before it, which is not timed: one hash, and the whole cost of Argon2id. */
async function authorizing(holders: Holder[]): Promise<CallResult> {
  const times: number[] = [];
  const start = performance.now();
  await Promise.all(
    holders.map(async (holder) => {
      for (let n = 0; n < 3; n += 1) times.push((await holder.authorize([randomBytes(32)])).milliseconds);
    }),
  );
  return summary('credentials/authorize', times, performance.now() - start);
}

function summary(call: string, times: number[], elapsed: number): CallResult {
  const [p50 = 0, p95 = 0, p99 = 0] = [50, 95, 99].map((percent) => percentile(times, percent));
  return { call, perSecond: (1000 * times.length) / elapsed, p50, p95, p99 };
}
