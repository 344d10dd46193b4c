import type { Socket } from 'node:net';
import fastify, { type ConnectionError, type FastifyInstance, LogController } from 'fastify';
import { decodeDigest } from '../base/base64.ts';
import { newId } from '../base/ids.ts';
import { bodyLimit, readJsonOnly } from './body.ts';
import type { ApiConfig } from './config.ts';
import { logAnswers, loggerOptions } from './log.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call a route. Every route says so, or the server does not start (S32). */
    authentication?: 'none' | 'basic' | 'bearer' | 'activation';
  }
}

/** Milliseconds. A client gets 10 s for its headers and 20 s for a whole request, so that slow ones cost little (S27). */
const times = { headers: 10_000, request: 20_000, handler: 60_000, idleSocket: 90_000, keepAlive: 30_000 };

/** Sockets at once; far above what two cores can answer, far below what memory can hold. */
const maxConnections = 4096;

/** Answers hold tokens and personal data: nobody keeps them, nobody guesses their type (S31). No CORS header at all. */
const protection = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };

const jsonAnswer = 'application/json; charset=utf-8';
const malformedAnswer = '{"error":"invalid_request"}';

/** An empty Fastify server with everything that holds for all our APIs: limits, headers, logging, the JSON reader. */
export function createServer({ log, trustedProxies }: ApiConfig): FastifyInstance {
  const app = fastify({
    logger: loggerOptions(log),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request' }),
    genReqId: newId,
    requestIdHeader: false,
    bodyLimit,
    connectionTimeout: times.idleSocket,
    requestTimeout: times.request,
    keepAliveTimeout: times.keepAlive,
    handlerTimeout: times.handler,
    http: { headersTimeout: times.headers },
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    ajv: {
      // Nothing is coerced, removed or filled in (S21); all errors, so that a method's table can choose the first row.
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        allErrors: true,
        formats: { digest: (text: string) => decodeDigest(text) !== undefined },
      },
    },
    // A URL that cannot be decoded reaches no route and no hook.
    frameworkErrors: (_error, { id }, reply) => {
      const headers = { ...protection, 'X-Request-Id': id, 'Content-Type': jsonAnswer };
      reply.raw.writeHead(400, headers).end(malformedAnswer);
    },
    clientErrorHandler: refuseConnection,
  });
  app.server.maxConnections = maxConnections;

  app.addHook('onRoute', ({ config, method, url }) => {
    if (!config?.authentication) throw new Error(`${method} ${url} does not say who may call it`);
  });
  app.addHook('onRequest', async ({ id }, reply) => {
    reply.headers({ ...protection, 'X-Request-Id': id });
  });
  readJsonOnly(app);
  logAnswers(app);
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not_found' }));
  return app;
}

/** Answers what is not HTTP, comes too slowly or has too many headers, and closes the connection. */
function refuseConnection(error: ConnectionError, socket: Socket): void {
  if (error.code !== 'ECONNRESET' && socket.writable) {
    const statuses: Record<string, string> = {
      ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
      HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
    };
    const headers = { ...protection, 'Content-Type': jsonAnswer, 'Content-Length': malformedAnswer.length };
    const lines = Object.entries({ ...headers, Connection: 'close' }).map(([name, value]) => `${name}: ${value}`);
    const status = statuses[error.code] ?? '400 Bad Request';
    socket.write(`HTTP/1.1 ${status}\r\n${lines.join('\r\n')}\r\n\r\n${malformedAnswer}`);
  }
  socket.destroy();
}
