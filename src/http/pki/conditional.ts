import type { FastifyReply, FastifyRequest } from 'fastify';

/** Something that anybody may keep: its bytes, which `tag` names, and when it came and ends (epoch milliseconds). */
export type Kept = { type: string; bytes: Buffer; tag: string; modifiedAt: number; expiresAt?: number; maxAge: number };

/**
 * Sends it, or 304 to who has it (RFC 9110 §13). Caches ask again after `maxAge` seconds; while we are away they may serve
 * it until it ends (RFC 5861), which is also what `Expires` says to caches that know nothing else.
 */
export function sendKept(request: FastifyRequest, reply: FastifyReply, now: number, kept: Kept): FastifyReply {
  const { type, bytes, modifiedAt, expiresAt } = kept;
  const tag = `"${kept.tag}"`;
  const left = expiresAt === undefined ? kept.maxAge : Math.max(0, Math.floor((expiresAt - now) / 1000));
  const maxAge = Math.min(kept.maxAge, left);
  const stale = left > maxAge ? `, stale-if-error=${left - maxAge}` : '';
  reply.headers({
    ...{ ETag: tag, 'Last-Modified': new Date(modifiedAt).toUTCString() },
    'Cache-Control': `public, max-age=${maxAge}${stale}`,
    ...(expiresAt !== undefined && { Expires: new Date(expiresAt).toUTCString() }),
  });
  if (has(request, tag, modifiedAt)) return reply.code(304).send();
  return reply.type(type).send(bytes);
}

/** Whether the caller has just this: by its tag if it names any, else by its date. */
function has({ headers }: FastifyRequest, tag: string, modifiedAt: number): boolean {
  const tags = headers['if-none-match'];
  if (tags !== undefined) return tags.split(',').some((one) => ['*', tag, `W/${tag}`].includes(one.trim()));
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return Math.floor(modifiedAt / 1000) * 1000 <= since;
}
