import { errorCodes, type FastifyInstance, type FastifyReply } from 'fastify';
import { atOnce } from './at-once.ts';

/**
 * Answers for handlers that take longer than `most` milliseconds, looked at every `interval` (S27). Fastify's own
 * `handlerTimeout` makes an AbortController for each request, which costs as much as all our hooks together.
 */
export function endSlowHandlers(app: FastifyInstance, most: number, interval = 1000): void {
  const running = new Map<FastifyReply, number>();
  const timer = setInterval(() => {
    const late = performance.now() - most;
    for (const [reply, since] of running) {
      if (since > late) break; // the others came later
      running.delete(reply);
      if (reply.raw.headersSent) reply.raw.destroy();
      else reply.send(new errorCodes.FST_ERR_HANDLER_TIMEOUT(String(most), reply.request.routeOptions.url ?? ''));
    }
  }, interval).unref();
  app.addHook(
    'onRequest',
    atOnce((_request, reply) => {
      if (running.size === 0) timer.ref(); // somebody waits for an answer, if need be this one
      running.set(reply, performance.now());
    }),
  );
  app.addHook(
    'onResponse',
    atOnce((_request, reply) => {
      running.delete(reply);
      if (running.size === 0) timer.unref();
    }),
  );
  app.addHook('onClose', async () => clearInterval(timer));
}
