import fastifyJwt from '@fastify/jwt';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { ApiStore } from '../../store/api/tables.ts';
import { atOnce } from '../at-once.ts';
import { type AccessTokens, accessTokens, type TokenKey, tokenOptions } from './access-tokens.ts';
import { type Answer, answerError, malformed, Refusal } from './errors.ts';
import { type CscParts, noContent } from './method.ts';
import { methods } from './methods.ts';
import { pageTokens } from './page-tokens.ts';

type CscApiParts = Omit<CscParts, 'tokens' | 'pages' | 'methods'> & { store: ApiStore; tokenKey: TokenKey };

/** The CSC API v1.0.4.0: one POST route for each method of the list. */
export function cscApi({ store, tokenKey, ...given }: CscApiParts): FastifyPluginAsync {
  return async (app) => {
    const { publicUrl } = given.config;
    await app.register(fastifyJwt, tokenOptions(tokenKey, publicUrl));
    const tokens = accessTokens(app.jwt, tokenKey, publicUrl, store, given.clock);
    const parts: CscParts = { ...given, tokens, pages: pageTokens(tokenKey), methods: methods.map(({ name }) => name) };

    app.setErrorHandler(answerError);
    app.setNotFoundHandler((request) => {
      const known = methods.some(({ name }) => `${app.prefix}/${name}` === request.url.split('?')[0]);
      throw new Refusal(known ? wrongVerb : notImplemented);
    });
    // A request without a body is one without members.
    app.addHook(
      'preValidation',
      atOnce((request) => {
        request.body ??= {};
      }),
    );

    for (const { name, authentication, malformedHeader, adapt, body, run } of methods) {
      const bearer = async (request: FastifyRequest) => {
        request.user = await callerOf(request, tokens, malformedHeader);
      };
      app.route({
        method: 'POST',
        url: `/${name}`,
        schema: { body },
        config: { authentication },
        attachValidation: true,
        ...(authentication === 'bearer' ? { onRequest: bearer } : {}),
        ...(adapt && {
          preValidation: atOnce(({ body: given, user }) => isRecord(given) && adapt(given, user.switches)),
        }),
        async handler(request, reply) {
          const answer = await run(parts, request);
          return answer === noContent ? reply.code(204).send() : answer;
        },
      });
    }
  };
}

/** CSC v1 Table 2: a method that this server does not have is 501. For a wrong verb it has no row. */
const notImplemented: Answer = { status: 501, error: 'not_implemented', text: 'The method is not implemented.' };
const wrongVerb: Answer = { ...malformed, status: 405, headers: { Allow: 'POST' } };

/** A header of another form is 400 in every method's table; one of this form whose token is dead is 401. */
async function callerOf(request: FastifyRequest, tokens: AccessTokens, malformedHeader: Answer) {
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) throw new Refusal(malformedHeader);
  return tokens.verify(token, 'csc');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
