import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance, RouteOptions } from 'fastify';

export type Route = { method: string; url: string; authentication: string; body: unknown; query: unknown };

const announced = 'fastify.initialization';

/** What `start` gives, with all routes that were registered meanwhile, in their order. */
export async function withRoutes<T>(start: () => Promise<T>): Promise<{ made: T; routes: Route[] }> {
  const seen: RouteOptions[] = [];
  const listen = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance };
    fastify.addHook('onRoute', (route: RouteOptions) => {
      seen.push(route);
    });
  };
  subscribe(announced, listen);
  const made = await start().finally(() => unsubscribe(announced, listen));
  // Only now: a plugin may have said later who may call the routes of a package that it brought in.
  const routes = seen.flatMap(({ method, url, config, schema }) =>
    [method].flat().map((one) => ({
      ...{ method: one, url, body: schema?.body, query: schema?.querystring },
      authentication: config?.authentication ?? 'undeclared',
    })),
  );
  return { made, routes };
}
