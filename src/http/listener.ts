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
  /** For a handler: four times what the largest batch takes on a token that others use, too. */
  handler: number;
  /** How often the three are looked at: what is too slow may live longer by this. */
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
  /** For what is being answered when the server stops. */
  stop: number;
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
  handler: 60_000,
  interval: 2_000,
  idleSocket: 90_000,
  keepAlive: 65_000,
  connections: 4096,
  perSource: 512,
  pipelined: 8,
  // The supervisor kills after ten.
  stop: 8_000,
};

export type Listener = {
  server: Server;
  /** To be called at a stop: what waits for nothing is closed at once, and all the rest after `limits.stop`. */
  wind(): void;
};

/** Node's HTTP/1.1 server with these limits, over TLS where a certificate is given. */
export function listener(
  answer: RequestListener,
  limits: Limits,
  { tls, isProxy }: { tls: Tls | undefined; isProxy: Networks },
): Listener {
  const options = {
    headersTimeout: limits.headers,
    requestTimeout: limits.request,
    connectionsCheckingInterval: limits.interval,
    keepAliveTimeout: limits.keepAlive,
    // Ours to refuse: Node does it without a body.
    requireHostHeader: false,
  };
  const { handler, isWaiting } = boundPipelines(answer, limits.pipelined);
  const server = tls
    ? createTlsServer(
        { ...options, ...secureOptions(tls), handshakeTimeout: limits.headers, ALPNProtocols: ['http/1.1'] },
        handler,
      )
    : createServer(options, handler);
  server.setTimeout(limits.idleSocket);
  server.maxConnections = limits.connections;
  boundSources(server, limits.perSource, isProxy);

  // Under TLS `connection` gives the sockets below; those that carry requests come with `secureConnection`.
  const below = socketsOf(server, 'connection');
  const carrying = tls ? socketsOf(server, 'secureConnection') : below;
  return {
    server,
    wind() {
      // Node's own close leaves alone what has never carried a request or is in the middle of its headers.
      for (const socket of carrying) if (!isWaiting(socket)) socket.destroy();
      // Without sockets nothing waits for it.
      setTimeout(() => {
        for (const socket of below) socket.destroy();
      }, limits.stop).unref();
    },
  };
}

/** The open sockets among those that an event of the server brings. */
function socketsOf(server: Server, event: string): ReadonlySet<Socket> {
  const open = new Set<Socket>();
  server.on(event, (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return open;
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
function boundPipelines(answer: RequestListener, most: number) {
  const waiting = new WeakMap<Socket, number>();
  const count = (socket: Socket) => waiting.get(socket) ?? 0;
  const handler: RequestListener = (request, response) => {
    const { socket } = request;
    if (count(socket) >= most) {
      socket.destroy();
      return;
    }
    waiting.set(socket, count(socket) + 1);
    response.once('close', () => waiting.set(socket, count(socket) - 1));
    answer(request, response);
  };
  return { handler, isWaiting: (socket: Socket) => count(socket) > 0 };
}
