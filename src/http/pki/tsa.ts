import { readBytes } from '../body.ts';
import type { PkiRoutes } from './plugin.ts';

const media = 'application/timestamp-query';
/** A request has about 100 bytes; a policy and extensions may make it longer. */
const longest = 16_384;

/** RFC 3161 over HTTP (§3.4): the answer says by itself why there is no token. */
export const tsaRoutes: PkiRoutes = ({ ca, forAnybody }) => {
  return async (app) => {
    readBytes(app, media, longest);
    app.post('/tsa', { config: { authentication: 'none', media } }, async (request, reply) => {
      const question = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const { response } = await forAnybody(request.ip, () =>
        ca.call('timestamp.answer', { request: question.toString('base64') }),
      );
      return reply.type('application/timestamp-reply').send(Buffer.from(response, 'base64'));
    });
  };
};
