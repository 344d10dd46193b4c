import fastifyJwt from '@fastify/jwt';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { Clock } from '../../base/clock.ts';
import { KysoError } from '../../base/errors.ts';
import type { ApiStore } from '../../store/api/tables.ts';
import { accessTokens, type TokenKey, tokenOptions } from '../csc/access-tokens.ts';
import { sourceThrottle } from '../throttle.ts';
import { answerError } from './errors.ts';
import type { SubscriberParts } from './route.ts';
import { routes } from './routes.ts';

type SubscriberApiParts = Pick<SubscriberParts, 'signer' | 'logins'> & {
  store: ApiStore;
  clock: Clock;
  tokenKey: TokenKey;
  publicUrl: string;
};

/**
 * What a subscriber does about the own account, from a CLI or a page. Its tokens are of the scope `subscriber`; those of
 * CSC open nothing here, and the other way round.
 */
export function subscriberApi({ store, clock, tokenKey, publicUrl, ...given }: SubscriberApiParts): FastifyPluginAsync {
  return async (app) => {
    await app.register(fastifyJwt, tokenOptions(tokenKey, publicUrl));
    const tokens = accessTokens(app.jwt, tokenKey, publicUrl, store, clock);
    const activationTries = sourceThrottle({ store, clock }, 'activation', 'activationInvalid');
    const parts: SubscriberParts = { ...given, tokens, activationTries };
    const bearer = async (request: FastifyRequest) => {
      const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(request.headers.authorization ?? '')?.[1];
      if (token === undefined) throw new KysoError('accessTokenInvalid', 'no bearer token');
      request.user = await tokens.verify(token, 'subscriber');
    };

    app.setErrorHandler(answerError);
    // A request without a body is one without members.
    app.addHook('preValidation', async (request) => {
      if (request.method === 'POST') request.body ??= {};
    });
    for (const { method, url, authentication, input, run } of routes) {
      app.route({
        method,
        url,
        schema: method === 'GET' ? { querystring: input } : { body: input },
        config: { authentication },
        ...(authentication === 'bearer' ? { onRequest: bearer } : {}),
        exposeHeadRoute: false,
        async handler(request, reply) {
          const answer = await run(parts, request);
          return answer === undefined ? reply.code(204).send() : answer;
        },
      });
    }
  };
}
