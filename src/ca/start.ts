import type { Token } from '../hsm/pool.ts';
import type { CaContract } from '../ipc/ca-contract.ts';
import type { Handlers, Peer } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { certificatePem } from '../pki/read.ts';
import { type Authority, openAuthority } from './context.ts';
import { startFeed } from './feed.ts';
import { sandboxIssuer } from './sandbox.ts';

export type AuthorityParts = Pick<Authority, 'store' | 'clock' | 'mode'> & {
  token: Token;
  signer: Peer<SignerContract>;
  /** What keeps the feed or an unfinished credential from getting on; for the operator's log. */
  onError(error: unknown): void;
};

/**
 * Opens the authority, starts its status feed and goes on with what a former life left unfinished. `stop` ends the
 * feed and lets what is under way reach a point from which it can be resumed; the store, the token and the peer stay
 * the caller's.
 * @throws KysoError configuration — there was no ceremony
 */
export async function startAuthority(
  parts: AuthorityParts,
): Promise<{ authority: Authority; handlers: Handlers<CaContract>; stop(): Promise<void> }> {
  const { store, clock, mode, token, signer, onError } = parts;
  const authority = await openAuthority({ store, clock, mode, token });
  const feed = startFeed({ authority, signer, onError });
  const issuer = sandboxIssuer(authority, feed, onError);
  const resumed = mode === 'sandbox' ? issuer.resume() : Promise.resolve();

  const certificates = { root: certificatePem(authority.root), issuing: certificatePem(authority.issuing) };
  return {
    authority,
    handlers: {
      'sandbox.issue': (line) => issuer.issue(line),
      'authority.certificates': async () => certificates,
      status: async () => {
        const { ready } = token.status();
        return { ready, token: ready };
      },
    },
    async stop() {
      await feed.close();
      await resumed;
    },
  };
}
