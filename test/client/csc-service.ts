import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** One request as it came in. */
export type CscCall = {
  method: string;
  authorization: string | undefined;
  /** Only where the request has one. */
  idempotencyKey?: string | undefined;
  body: Record<string, unknown>;
};

/**
 * What to answer: an object goes out as JSON, a string as it is; `undefined` leaves the client waiting; `cutOff` ends the
 * connection without an answer, or in the middle of one.
 */
export type CscAnswer =
  | { status?: number; headers?: Record<string, string>; body: unknown; cutOff?: true | 'inside' }
  | undefined;

/**
 * A tiny CSC v1 service on this machine, ended with the test; `calls` records what it was asked. With `tls`, PEM, it
 * speaks HTTPS.
 */
export async function cscService(
  t: { teardown(handler: () => void): void },
  answer: (call: CscCall) => CscAnswer,
  tls?: { cert: Buffer; key: Buffer },
): Promise<{ baseUrl: string; calls: CscCall[] }> {
  const calls: CscCall[] = [];
  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const key = request.headers['idempotency-key'];
    const call = {
      method: `${request.method} ${request.url}`.replace('POST /csc/v1/', ''),
      authorization: request.headers.authorization,
      ...(key !== undefined && { idempotencyKey: String(key) }),
      body: JSON.parse(Buffer.concat(chunks).toString()),
    };
    calls.push(call);
    const given = answer(call);
    if (!given) return;
    if (given.cutOff === true) return void request.socket.destroy();
    response.writeHead(given.status ?? 200, { 'Content-Type': 'application/json;charset=UTF-8', ...given.headers });
    if (given.cutOff) return void response.write('{"sig', () => request.socket.destroy());
    response.end(typeof given.body === 'string' ? given.body : JSON.stringify(given.body));
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/csc/v1`, calls };
}
