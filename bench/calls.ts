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
  progress('auth/login, credentials/list, credentials/info, credentials/authorize');
  const oneEach = holders.filter(({ keyType }) => keyType === holders[0]?.keyType);
  return [
    await three('auth/login', oneEach, (holder) => holder.login()),
    await repeat('credentials/list', server.port, list),
    await repeat('credentials/info', server.port, info),
    // One hash, the code by e-mail not timed.
    await three(
      'credentials/authorize',
      oneEach,
      async (holder) => (await holder.authorize([randomBytes(32)])).milliseconds,
    ),
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

/** Three times each, the people side by side: what costs an Argon2id is bounded by that. */
async function three(call: string, holders: Holder[], time: (holder: Holder) => Promise<number>): Promise<CallResult> {
  const times: number[] = [];
  const start = performance.now();
  await Promise.all(
    holders.map(async (holder) => {
      for (let n = 0; n < 3; n += 1) times.push(await time(holder));
    }),
  );
  return summary(call, times, performance.now() - start);
}

function summary(call: string, times: number[], elapsed: number): CallResult {
  const [p50 = 0, p95 = 0, p99 = 0] = [50, 95, 99].map((percent) => percentile(times, percent));
  return { call, perSecond: (1000 * times.length) / elapsed, p50, p95, p99 };
}
