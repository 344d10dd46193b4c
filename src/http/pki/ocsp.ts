import type { FastifyReply, FastifyRequest } from 'fastify';
import { decodeBase64 } from '../../base/base64.ts';
import { type ErrorKind, kindOf } from '../../base/errors.ts';
import { type OcspError, ocspError } from '../../pki/ocsp.ts';
import { readBytes } from '../body.ts';
import { logFault } from '../log.ts';
import type { KeptAnswer, OcspReply } from './ocsp-answers.ts';
import type { PkiRoutes } from './plugin.ts';

const media = 'application/ocsp-request';
const answerMedia = 'application/ocsp-response';
/** A request for 32 certificates with the longest nonce has under 4 kB. */
const longest = 16_384;

/** For how long a proxy may give an answer without asking again, in seconds: as long as a CRL takes to be out. */
const freshness = 60;

const open = { authentication: 'none' } as const;

/**
 * OCSP over HTTP (RFC 6960 appendix A): POST with the request as the body, GET with it in the path. What cannot be
 * answered is said in OCSP's own words with HTTP 200, since that is all that clients read.
 */
export const ocspRoutes: PkiRoutes = ({ ocsp, forAnybody, clock }) => {
  /** Asks ca, and says in OCSP's own words why there is no answer. */
  async function ask(request: FastifyRequest, name: string, question?: Buffer): Promise<OcspReply> {
    if (!question || question.length > longest) return { response: ocspError('malformedRequest') };
    try {
      return await forAnybody(request.ip, () => ocsp.ask(name, question));
    } catch (error) {
      return { response: ocspError(excuse(request, error)) };
    }
  }

  /** With the headers of RFC 5019 §6.2; 304 for who has this answer already. */
  function sendForCaches(request: FastifyRequest, reply: FastifyReply, kept: KeptAnswer): void {
    const left = Math.max(0, Math.floor((kept.nextUpdate - clock.now()) / 1000));
    reply.headers({
      'Cache-Control': `max-age=${Math.min(freshness, left)}, public, no-transform, must-revalidate`,
      ...{ 'Last-Modified': kept.lastModified, Expires: kept.expires, ETag: kept.etag },
    });
    if (request.headers['if-none-match'] === kept.etag) reply.code(304).send();
    else reply.type(answerMedia).send(kept.response);
  }

  return async (app) => {
    readBytes(app, media, longest);
    app.post('/pki/ocsp', { config: { ...open, media } }, async (request, reply) => {
      const question = Buffer.isBuffer(request.body) ? request.body : undefined;
      const name = `POST ${question?.toString('latin1')}`;
      const { response } = ocsp.find(name) ?? (await ask(request, name, question));
      return reply.type(answerMedia).send(response);
    });
    // Without a promise where there is nothing to wait for: so it serves twice as many.
    app.get('/pki/ocsp/*', { config: open }, (request, reply) => {
      const name = pathOf(request.originalUrl);
      const known = ocsp.find(name);
      if (known) return sendForCaches(request, reply, known);
      ask(request, name, questionIn(name))
        .then(({ response, kept }) => {
          if (kept) sendForCaches(request, reply, kept);
          else reply.type(answerMedia).send(response);
        })
        .catch((error) => reply.send(error));
    });
  };
};

/** What follows `/ocsp/`, as it was sent: two slashes in a row belong to it. */
function pathOf(url: string): string {
  const start = url.indexOf('/ocsp/') + 6;
  const end = url.indexOf('?', start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}

/** The request in the path: base64 with URL encoding. */
function questionIn(path: string): Buffer | undefined {
  try {
    return decodeBase64(decodeURIComponent(path));
  } catch {
    return undefined;
  }
}

const passing: readonly ErrorKind[] = ['unavailable', 'busy', 'tokenUnavailable', 'tooManyRequests'];

/** A ca or token that is away comes back; anything else is a fault of ours. */
function excuse(request: FastifyRequest, error: unknown): OcspError {
  if (passing.includes(kindOf(error))) return 'tryLater';
  logFault(request, error);
  return 'internalError';
}
