import type { FastifyPluginAsync } from 'fastify';
import { Begin, begin, Complete, complete, type SubscriberParts } from './activation.ts';
import { answerError } from './errors.ts';

/**
 * What a subscriber does about the own account, from a CLI or a page. There is no token yet: the two halves of the
 * activation data, which only the holder has both of, are the authentication, and signer checks them.
 */
export function subscriberApi(parts: SubscriberParts): FastifyPluginAsync {
  return async (app) => {
    app.setErrorHandler(answerError);
    const activation = { config: { authentication: 'activation' } } as const;
    app.post<{ Body: Begin }>('/activation/begin', { schema: { body: Begin }, ...activation }, ({ body, id }) =>
      begin(parts, body, id),
    );
    app.post<{ Body: Complete }>(
      '/activation/complete',
      { schema: { body: Complete }, ...activation },
      async ({ body, id }, reply) => {
        await complete(parts, body, id);
        return reply.code(204).send();
      },
    );
  };
}
