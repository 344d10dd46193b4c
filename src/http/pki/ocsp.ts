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
  async function answerTo(request: FastifyRequest, question?: Buffer): Promise<OcspReply> {
    if (!question || question.length > longest) return { response: ocspError('malformedRequest') };
    const kept = ocsp.find(question);
    if (kept) return { response: kept.response, kept };
    try {
      return await forAnybody(request.ip, () => ocsp.ask(question));
    } catch (error) {
      return { response: ocspError(excuse(request, error)) };
    }
  }

  /** With the headers of RFC 5019 §6.2; 304 for who has this answer already. */
  function sendForCaches(request: FastifyRequest, reply: FastifyReply, kept: KeptAnswer) {
    const left = Math.max(0, Math.floor((kept.nextUpdate - clock.now()) / 1000));
    reply.headers({
      'Cache-Control': `max-age=${Math.min(freshness, left)}, public, no-transform, must-revalidate`,
      ...{ 'Last-Modified': kept.lastModified, Expires: kept.expires, ETag: kept.etag },
    });
    if (request.headers['if-none-match'] === kept.etag) return reply.code(304).send();
    return reply.type(answerMedia).send(kept.response);
  }

  return async (app) => {
    readBytes(app, media, longest);
    app.post('/pki/ocsp', { config: { ...open, media } }, async (request, reply) => {
      const { response } = await answerTo(request, Buffer.isBuffer(request.body) ? request.body : undefined);
      return reply.type(answerMedia).send(response);
    });
    app.get('/pki/ocsp/*', { config: open }, async (request, reply) => {
      const { response, kept } = await answerTo(request, questionIn(request.originalUrl));
      return kept ? sendForCaches(request, reply, kept) : reply.type(answerMedia).send(response);
    });
  };
};

/** The request in the path, base64 with URL encoding. As it was sent: two slashes in a row belong to it. */
function questionIn(url: string): Buffer | undefined {
  const [path = ''] = url.slice(url.indexOf('/ocsp/') + 6).split('?', 1);
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
