import type { Sad } from './holders.ts';
import { type Answer, message, open } from './http.ts';

/** What clients saw while they worked: signatures answered, seconds until the last answer, milliseconds of each call. */
export type Load = { signatures: number; elapsed: number; times: number[] };

/** The signHash requests that spend these SADs, `batch` hashes each; the SADs take turns. */
export function requestsFor(sads: Sad[], batch: number, signAlgo: string): Buffer[] {
  const perSad = sads.map(({ SAD, credentialID, token, digests }) =>
    Array.from({ length: Math.floor(digests.length / batch) }, (_, n) => {
      const hash = digests.slice(n * batch, (n + 1) * batch).map((digest) => digest.toString('base64'));
      return message('/csc/v1/signatures/signHash', token, { credentialID, SAD, hash, signAlgo });
    }),
  );
  const longest = Math.max(...perSad.map((requests) => requests.length));
  return Array.from({ length: longest }, (_, n) => perSad.flatMap((requests) => requests.slice(n, n + 1))).flat();
}

/**
 * Clients that send the next of `requests` as soon as they have an answer, for some milliseconds; `batch` signatures
 * each. Requests that were sent are taken out.
 * @throws Error — an answer was not 200, or the requests ran out
 */
export async function loadServer(
  port: number,
  requests: Buffer[],
  { clients, milliseconds, batch }: { clients: number; milliseconds: number; batch: number },
): Promise<Load> {
  const connections = await Promise.all(Array.from({ length: clients }, () => open(port)));
  const times: number[] = [];
  const start = performance.now();
  await Promise.all(
    connections.map(async (connection) => {
      while (performance.now() - start < milliseconds) {
        const request = requests.shift();
        if (!request) throw new Error('the requests ran out: raise the number of SADs');
        const before = performance.now();
        assertGood(await connection.send(request));
        times.push(performance.now() - before);
      }
    }),
  );
  const elapsed = performance.now() - start;
  for (const connection of connections) connection.close();
  return { signatures: times.length * batch, elapsed, times };
}

function assertGood({ status, body }: Answer): void {
  if (status !== 200) throw new Error(`the server answered ${status}: ${body.toString().slice(0, 200)}`);
}
