import { connect, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import type { ApiConfig } from '../../src/http/config.ts';
import { type Limits, usualLimits } from '../../src/http/listener.ts';
import { createServer } from '../../src/http/server.ts';
import { config } from './helpers.ts';

export function portOf(app: FastifyInstance): number {
  const address = app.server.address();
  if (typeof address !== 'object' || !address) throw new Error('not listening');
  return address.port;
}

/** A socket to the server, and what came back over it. */
export type Line = {
  socket: Socket;
  answer(): string;
  /** Until the other side closed it. */
  closed: Promise<void>;
};

export function dial(t: Test, port: number, from = '127.0.0.1'): Line {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('error', () => {}); // a reset is one way to be cut off
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  t.teardown(() => socket.destroy());
  return { socket, answer: () => answer, closed };
}

/** Sends bytes over a socket of its own and reads until the server closes it or `enough` has come. */
export async function raw(
  t: Test,
  app: FastifyInstance,
  request: string | Buffer,
  enough = /\r\n\r\n[\s\S]*\}$/,
): Promise<string> {
  const line = dial(t, portOf(app));
  const came = new Promise<void>((resolve) => {
    line.socket.on('data', () => enough.test(line.answer()) && resolve());
  });
  line.socket.write(request);
  await Promise.race([line.closed, came]);
  line.socket.destroy();
  return line.answer();
}

/** A listening server with routes for these tests: `/` answers at once, `/later` when told to. */
export async function bareServer(t: Test, limits: Partial<Limits> = {}, changes: Partial<ApiConfig> = {}) {
  const app = createServer({ ...config, ...changes }, { ...usualLimits, ...limits });
  const waiting: (() => void)[] = [];
  const route = { config: { authentication: 'none' } } as const;
  app.get('/', route, async (request) => ({ ip: request.ip }));
  app.get('/secret', { config: { authentication: 'bearer' } }, async () => ({ secret: true }));
  app.get('/later', route, async () => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return { later: true };
  });
  app.post('/', route, async () => ({ done: true }));
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => app.close());
  return { app, port: portOf(app), waiting };
}

export const get = (path: string, ...headers: string[]) =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;
