import { sendKept } from './conditional.ts';
import type { PkiRoutes } from './plugin.ts';

/**
 * Seconds for which a cache need not ask again. Together with what publishing takes it stays under the minute within
 * which a revocation must be in the CRL that anybody gets.
 */
const maxAge = 30;

/** `/pki/crl/{authority}/{n}.crl`, the distribution points of certificates: the CRL in force, DER. */
export const crlRoutes: PkiRoutes =
  ({ crls, clock }) =>
  async (app) => {
    app.get<{ Params: { authority: string; number: string } }>(
      '/pki/crl/:authority/:number.crl',
      { config: { authentication: 'none' } },
      async (request, reply) => {
        const { authority, number } = request.params;
        if (!/^[a-z0-9-]{1,64}$/.test(authority) || !/^[1-9]\d{0,8}$/.test(number)) return reply.callNotFound();
        const found = await crls(`${authority}/${number}`);
        if (!found) return reply.callNotFound();
        const { crl: bytes, thisUpdate: modifiedAt, nextUpdate: expiresAt } = found;
        const tag = String(found.number);
        return sendKept(request, reply, clock.now(), {
          ...{ type: 'application/pkix-crl', bytes, tag, modifiedAt, expiresAt, maxAge },
        });
      },
    );
  };
