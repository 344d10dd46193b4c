import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance, RouteOptions } from 'fastify';

export type Route = { method: string; url: string; authentication: string; body: unknown };

const announced = 'fastify.initialization';

/** What `start` gives, with all routes that were registered meanwhile, in their order. */
export async function withRoutes<T>(start: () => Promise<T>): Promise<{ made: T; routes: Route[] }> {
  const routes: Route[] = [];
  const listen = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance };
    fastify.addHook('onRoute', ({ method, url, config, schema }: RouteOptions) => {
      for (const one of [method].flat()) {
        routes.push({ method: one, url, authentication: config?.authentication ?? 'undeclared', body: schema?.body });
      }
    });
  };
  subscribe(announced, listen);
  try {
    return { made: await start(), routes };
  } finally {
    unsubscribe(announced, listen);
  }
}
