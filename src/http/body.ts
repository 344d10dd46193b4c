import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify';
import { readJson } from '../base/json.ts';
import { atOnce } from './at-once.ts';

/** The only type that any of our APIs reads, in the spellings that clients use (S23). */
const jsonType = /^application\/json *(?:; *charset=(?:utf-8|"utf-8"))?$/i;

/**
 * One JSON object of at most a thousand SHA-512 digests. In base64 each has 88 characters, up to 176 where the client
 * writes `\/`, and three of quotes and comma; the rest is room for everything else in a request.
 */
export const bodyLimit = 1000 * (176 + 3) + 32_768;

/** Replaces Fastify's body parsers by the strict reader, for this instance and everything inside it. */
export function readJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_: FastifyRequest, body: Buffer) =>
    readJson(body),
  );
  app.addHook(
    'onRequest',
    atOnce(({ headers, routeOptions }) => {
      const type = headers['content-type'];
      const encoded = headers['content-encoding'] !== undefined;
      const { media } = routeOptions.config ?? {};
      const fits = type === undefined || (media ? type.toLowerCase() === media : jsonType.test(type));
      if (encoded || !fits) throw new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE();
    }),
  );
}

/** Lets the routes of this instance whose `media` is this type read it, as bytes and at most `limit` of them. */
export function readBytes(app: FastifyInstance, media: string, limit: number): void {
  app.addContentTypeParser(
    media,
    { parseAs: 'buffer', bodyLimit: limit },
    async (_: FastifyRequest, body: Buffer) => body,
  );
}
