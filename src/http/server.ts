import type { Socket } from 'node:net';
import fastify, { type ConnectionError, type FastifyInstance, LogController, type RouteOptions } from 'fastify';
import { decodeDigest } from '../base/base64.ts';
import { systemClock } from '../base/clock.ts';
import { newRequestId } from '../base/ids.ts';
import { atOnce } from './at-once.ts';
import { bodyLimit, readJsonOnly } from './body.ts';
import type { ApiConfig } from './config.ts';
import { faultOf } from './fault.ts';
import { type Limits, listener, usualLimits } from './listener.ts';
import { logAnswers, logFault, loggerOptions } from './log.ts';
import { networks } from './networks.ts';
import { endSlowHandlers } from './slow-handlers.ts';
import { refuseBadWays } from './ways.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call a route. Every route says so, or the server does not start (S32). */
    authentication?: 'none' | 'basic' | 'bearer' | 'activation' | 'password';
    /** The one type of body that a route reads, as bytes; without it JSON. */
    media?: string;
  }
}

/**
 * Answers hold tokens and personal data: nobody keeps them, guesses their type, frames them or reads them from another
 * origin (S31). There is no CORS header at all. A plugin with pages of its own loosens this for them.
 */
const protection = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
};

/** RFC 6797, a year: whoever was here over TLS comes back over nothing else. */
const staySecure = { 'Strict-Transport-Security': 'max-age=31536000' };

const jsonAnswer = 'application/json; charset=utf-8';
const malformedAnswer = '{"error":"invalid_request","error_description":"The request is malformed."}';

/** An empty Fastify server with everything that holds for all our APIs: limits, headers, logging, the JSON reader. */
export function createServer(config: ApiConfig, limits: Limits = usualLimits): FastifyInstance {
  const { log, tls, trustedProxies } = config;
  const isProxy = networks(trustedProxies);
  const headers = { ...protection, ...(tls ? staySecure : {}) };
  let stopping = false;
  let wind = () => {};
  const app = fastify({
    logger: loggerOptions(log),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request' }),
    genReqId: () => newRequestId(systemClock.now()),
    requestIdHeader: false,
    rewriteUrl: ({ url = '' }) => withSingleSlashes(url),
    bodyLimit,
    serverFactory: (answer) => {
      const made = listener(answer, limits, { tls, isProxy });
      wind = made.wind;
      return made.server;
    },
    trustProxy: trustedProxies.length > 0 ? isProxy : false,
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
      reply.raw.writeHead(400, { ...headers, 'X-Request-Id': id, 'Content-Type': jsonAnswer }).end(malformedAnswer);
    },
    clientErrorHandler: (error, socket) => refuseConnection(error, socket, headers),
  });

  // Looked at when all routes are there: a plugin may say it for the routes of a package that it brings in.
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => {
    routes.push(route);
  });
  app.addHook('onReady', async () => {
    const silent = routes.find(({ config }) => !config?.authentication);
    if (silent) throw new Error(`${silent.method} ${silent.url} does not say who may call it`);
  });
  app.addHook('preClose', async () => {
    stopping = true;
    wind();
  });
  app.addHook(
    'onRequest',
    atOnce(({ id }, reply) => {
      reply.headers({ ...headers, 'X-Request-Id': id });
    }),
  );
  // Else a stop would wait until each connection has been idle for its time.
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (stopping) reply.header('Connection', 'close');
    done();
  });
  endSlowHandlers(app, limits.handler, limits.interval);
  refuseBadWays(app, config);
  readJsonOnly(app);
  logAnswers(app);
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'not_found', error_description: 'There is nothing at this address.' }),
  );
  // For what stands outside every API.
  app.setErrorHandler((error, request, reply) => {
    const { kind, status = 400 } = faultOf(error);
    if (kind === 'requestInvalid') return reply.code(status).type(jsonAnswer).send(malformedAnswer);
    logFault(request, error);
    const away = kind === 'unavailable';
    const answer = { error: away ? 'temporarily_unavailable' : 'server_error' };
    return reply.code(away ? 503 : 500).send({ ...answer, error_description: 'Something went wrong on our side.' });
  });
  return app;
}

/** Clients put a path behind a base that ends with a slash; what stands behind the question mark is left alone. */
function withSingleSlashes(url: string): string {
  if (!url.includes('//')) return url;
  const path = url.split('?', 1)[0] ?? '';
  return path.replace(/\/{2,}/g, '/') + url.slice(path.length);
}

/** Answers what is not HTTP, comes too slowly or has too many headers, and closes the connection. */
function refuseConnection(error: ConnectionError, socket: Socket, common: Record<string, string>): void {
  if (error.code !== 'ECONNRESET' && socket.writable) {
    const statuses: Record<string, string> = {
      ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
      HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
    };
    const headers = { ...common, 'Content-Type': jsonAnswer, 'Content-Length': malformedAnswer.length };
    const lines = Object.entries({ ...headers, Connection: 'close' }).map(([name, value]) => `${name}: ${value}`);
    const status = statuses[error.code] ?? '400 Bad Request';
    socket.write(`HTTP/1.1 ${status}\r\n${lines.join('\r\n')}\r\n\r\n${malformedAnswer}`);
  }
  socket.destroy();
}
