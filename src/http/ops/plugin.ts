import type { FastifyPluginAsync } from 'fastify';
import type { CaContract } from '../../ipc/ca-contract.ts';
import type { Peer } from '../../ipc/contract.ts';
import type { SignerContract } from '../../ipc/signer-contract.ts';
import type { ApiStore } from '../../store/api/tables.ts';
import type { ApiConfig } from '../config.ts';
import { faultOf } from '../fault.ts';
import { logFault } from '../log.ts';

type OpsParts = { config: ApiConfig; signer: Peer<SignerContract>; ca: Peer<CaContract>; store: ApiStore };

/** A peer that has not said within two seconds how it is counts as not ready. */
const patience = 2_000;

/**
 * For supervisors and load balancers. `/live`: this process answers. `/ready`: signer and ca are ready too and all three
 * stores record, else 503;
 * what signer says of its messages (`notify`) is only shown, since signing goes on while mail is away. Nothing secret
 * stands in either, and neither asks for a token.
 */
export function opsApi({ config, signer, ca, store }: OpsParts): FastifyPluginAsync {
  return async (app) => {
    const route = { config: { authentication: 'none' } } as const;
    app.setErrorHandler((error, request, reply) => {
      const { kind, status } = faultOf(error);
      if (kind === 'requestInvalid')
        return reply
          .code(status ?? 400)
          .send({ error: 'invalid_request', error_description: 'These addresses take a plain GET.' });
      logFault(request, error);
      return reply.code(503).send({ status: 'unavailable' });
    });
    app.get('/live', route, async () => ({ status: 'ok' }));
    app.get('/ready', route, async (_request, reply) => {
      const [signerStatus, caStatus] = await Promise.all([
        within(signer.call('status', {})),
        within(ca.call('status', {})),
      ]);
      const api = { store: store.works() };
      const ready = signerStatus.ready && caStatus.ready && api.store;
      const { tier } = config;
      const status = ready ? 'ok' : 'unavailable';
      return reply.code(ready ? 200 : 503).send({ status, tier, signer: signerStatus, ca: caStatus, api });
    });
  };
}

/** What a peer says of itself, or that it said nothing in time. */
async function within<S>(answer: Promise<S>): Promise<S | { ready: false }> {
  const silent = { ready: false } as const;
  const timeout = new Promise<typeof silent>((resolve) => {
    setTimeout(() => resolve(silent), patience).unref();
  });
  return Promise.race([answer.catch(() => silent), timeout]);
}
