import swagger, { type StaticDocumentSpec } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsync } from 'fastify';
import { methods } from '../csc/methods.ts';
import { cscDocument } from '../csc/openapi.ts';

/** All that these pages need comes from this server; they may not be framed. */
const policy = [
  "default-src 'self'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "base-uri 'self'",
  "object-src 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `/docs`: the API described and tried out in a browser, with the address of this server. */
export function docsPages(publicUrl: string): FastifyPluginAsync {
  return async (app) => {
    // The routes of the package cannot say it themselves (S32).
    app.addHook('onRoute', (route) => {
      route.config = { ...route.config, authentication: 'none' };
    });
    const document = cscDocument(methods, publicUrl) as StaticDocumentSpec['document'];
    await app.register(swagger, { mode: 'static', specification: { document } });
    await app.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: true,
      transformStaticCSP: () => policy,
      uiConfig: { deepLinking: true, validatorUrl: null },
    });
  };
}
