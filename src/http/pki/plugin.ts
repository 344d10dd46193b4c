import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { atOnce } from '../at-once.ts';
import { faultOf } from '../fault.ts';
import { logFault } from '../log.ts';
import type { PkiParts } from './parts.ts';

/** A group of routes: an authority's certificates, CRLs, OCSP, timestamps. */
export type PkiRoutes = (parts: PkiParts) => FastifyPluginAsync;

/**
 * What certificates name, and the timestamp service: for anybody, over plain HTTP too. Each answer is signed by itself,
 * so whoever carries or keeps it changes nothing; pages of other origins may read it.
 */
export function pkiApi(parts: PkiParts, groups: readonly PkiRoutes[]): FastifyPluginAsync {
  return async (app) => {
    app.setErrorHandler(answerError);
    app.addHook(
      'onRequest',
      atOnce((_request, reply) => {
        reply.header('Cross-Origin-Resource-Policy', 'cross-origin');
      }),
    );
    for (const group of groups) await app.register(group(parts));
  };
}

/** In one plain line: those who ask here are programs, and read the status. */
function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const { kind, status = 400 } = faultOf(error);
  reply.type('text/plain; charset=utf-8');
  if (kind === 'requestInvalid') return reply.code(status).send('The request is malformed.\n');
  if (kind === 'tooManyRequests') {
    return reply.code(429).header('Retry-After', '1').send('Too many requests from this address.\n');
  }
  logFault(request, error);
  const away = kind === 'unavailable' || kind === 'busy';
  return reply.code(away ? 503 : 500).send('Something went wrong on our side.\n');
}
