import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';

/** Where `info.logo` points: outside every API, since clients fetch it without a token (CSC v1 §11.1). */
export const logoPath = '/logo.png';

const logo = readFileSync(join(import.meta.dirname, 'logo.png'));

/** Our logo, PNG, 128×128; the one answer that clients may keep and show on pages of theirs. */
export async function logoRoute(app: FastifyInstance): Promise<void> {
  app.get(logoPath, { config: { authentication: 'none' } }, async (_request, reply) =>
    reply
      .type('image/png')
      .headers({ 'Cache-Control': 'public, max-age=86400', 'Cross-Origin-Resource-Policy': 'cross-origin' })
      .send(logo),
  );
}
