import { sha256 } from '../../base/bytes.ts';
import { sendKept } from './conditional.ts';
import type { PkiRoutes } from './plugin.ts';

/** An authority's certificate never changes. */
const maxAge = 86_400;

/** `/pki/ca/{authority}.cer`, which certificates name as caIssuers: DER (RFC 5280 §4.2.2.1). */
export const caRoutes: PkiRoutes =
  ({ ca, clock }) =>
  async (app) => {
    app.get<{ Params: { id: string } }>(
      '/pki/ca/:id.cer',
      { config: { authentication: 'none' } },
      async (request, reply) => {
        const { id } = request.params;
        if (!/^[a-z0-9-]{1,64}$/.test(id)) return reply.callNotFound();
        const { certificate } = await ca.call('authority.certificate', { authority: id });
        if (certificate === undefined) return reply.callNotFound();
        const bytes = Buffer.from(certificate, 'base64');
        const tag = sha256(bytes).toString('base64url');
        return sendKept(request, reply, clock.now(), {
          type: 'application/pkix-cert',
          bytes,
          tag,
          modifiedAt: 0,
          maxAge,
        });
      },
    );
  };
