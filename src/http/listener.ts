import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Networks } from './networks.ts';
import { sourceOf } from './throttle.ts';
import { secureOptions, type Tls } from './tls.ts';

/** Where slow or greedy clients meet an end (S27). Times are in milliseconds. */
export type Limits = {
  /** For a TLS handshake, and for all headers of a request. */
  headers: number;
  /** For a whole request, its body included. */
  request: number;
  /** How often the two are looked at: what is too slow may live longer by this. */
  interval: number;
  /** A socket on which nothing moves in either direction. */
  idleSocket: number;
  /** Between two requests of one connection. */
  keepAlive: number;
  /** Connections in all, and from one source that is no trusted proxy. */
  connections: number;
  perSource: number;
  /** Requests of one connection that are not answered yet. */
  pipelined: number;
};

/**
 * A client on a bad mobile line needs about 3 s for the headers and, at 16 kB/s, 14 s for the largest body. A proxy must
 * not keep an idle connection longer than we do, and the usual ones keep it for 60 s at most. 4,096 connections are far
 * more than two cores can answer and cost under 200 MB; one source has an eighth of them, so that it takes eight (hosts
 * or /64 networks) to fill them. No client known pipelines; a hundred requests in one packet are an attack.
 */
export const usualLimits: Limits = {
  headers: 10_000,
  request: 20_000,
  interval: 2_000,
  idleSocket: 90_000,
  keepAlive: 65_000,
  connections: 4096,
  perSource: 512,
  pipelined: 8,
};

/** Node's HTTP/1.1 server with these limits, over TLS where a certificate is given. */
export function listener(
  answer: RequestListener,
  limits: Limits,
  { tls, isProxy }: { tls: Tls | undefined; isProxy: Networks },
): Server {
  const options = {
    headersTimeout: limits.headers,
    requestTimeout: limits.request,
    connectionsCheckingInterval: limits.interval,
    keepAliveTimeout: limits.keepAlive,
  };
  const handler = boundPipelines(answer, limits.pipelined);
  const server = tls
    ? createTlsServer(
        { ...options, ...secureOptions(tls), handshakeTimeout: limits.headers, ALPNProtocols: ['http/1.1'] },
        handler,
      )
    : createServer(options, handler);
  server.setTimeout(limits.idleSocket);
  server.maxConnections = limits.connections;
  boundSources(server, limits.perSource, isProxy);
  return server;
}

/** Cuts off a source that holds more than its share of connections. Behind a proxy all clients are one source. */
function boundSources(server: Server, most: number, isProxy: Networks): void {
  const held = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress;
    if (address === undefined || isProxy(address)) return;
    const source = sourceOf(address);
    const now = (held.get(source) ?? 0) + 1;
    held.set(source, now);
    socket.once('close', () => {
      const left = (held.get(source) ?? 1) - 1;
      if (left > 0) held.set(source, left);
      else held.delete(source);
    });
    if (now > most) socket.destroy();
  });
}

/** Cuts off a connection that asks on and on without waiting for answers. */
function boundPipelines(answer: RequestListener, most: number): RequestListener {
  const waiting = new WeakMap<Socket, number>();
  return (request, response) => {
    const { socket } = request;
    const now = (waiting.get(socket) ?? 0) + 1;
    if (now > most) {
      socket.destroy();
      return;
    }
    waiting.set(socket, now);
    response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1));
    answer(request, response);
  };
}
