import type { FastifyInstance } from 'fastify';
import type { ApiConfig } from '../config.ts';
import { createServer } from '../server.ts';
import { pkiGroups } from './groups.ts';
import type { PkiParts } from './parts.ts';
import { pkiApi } from './plugin.ts';

/** A server over plain HTTP that has the addresses of certificates and nothing else, beside one that speaks TLS. */
export async function buildPki({ tls: _, ...config }: ApiConfig, parts: PkiParts): Promise<FastifyInstance> {
  const app = createServer(config);
  await app.register(pkiApi(parts, pkiGroups));
  await app.ready();
  return app;
}
