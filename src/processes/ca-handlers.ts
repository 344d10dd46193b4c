import { answerHandlers } from '../ca/answers.ts';
import type { WatchedClock } from '../ca/clock.ts';
import type { Authority } from '../ca/context.ts';
import type { CrlPublisher } from '../ca/crl-publisher.ts';
import type { Feed } from '../ca/feed.ts';
import type { OcspResponder } from '../ca/ocsp.ts';
import type { Issuer } from '../ca/sandbox.ts';
import type { TimestampAuthority } from '../ca/tsa.ts';
import type { Token } from '../hsm/pool.ts';
import type { CaContract } from '../ipc/ca-contract.ts';
import type { Handlers } from '../ipc/contract.ts';
import { certificatePem } from '../pki/pem.ts';
import type { CaStore } from '../store/ca/tables.ts';
import { revocationHandlers } from './ca-revocation.ts';

/** What the ca process runs on. */
export type CaRoom = {
  authority: Authority;
  store: CaStore;
  token: Token;
  issuer: Issuer;
  /** Whose word timestamps pass on. */
  time: WatchedClock;
  responder: OcspResponder;
  tsa: TimestampAuthority;
  feed: Feed;
  crls: CrlPublisher;
};

/** Everything that ca answers, one line for each part of it. */
export const caHandlers = (room: CaRoom): Handlers<CaContract> => ({
  ...authorityHandlers(room),
  ...answerHandlers(room.responder, room.tsa),
  ...revocationHandlers(room),
  'sandbox.issue': (line) => room.issuer.issue(line),
});

function authorityHandlers({ authority, store, token, time, crls }: CaRoom) {
  return {
    'authority.certificates': async () => {
      const now = authority.clock.now();
      const living = authority.pki.all().filter(({ notAfter }) => notAfter >= now);
      const pem = (role: string) =>
        living.flatMap((each) => (each.role === role ? [certificatePem(each.certificate)] : [])).join('');
      return { root: pem('root'), issuing: pem('issuing') };
    },
    'authority.reload': async () => {
      await authority.pki.reload();
      return { authorities: authority.pki.all().map(({ id }) => id) };
    },
    status: async () => {
      const { ready } = token.status();
      const works = store.works();
      const clock = time.state();
      return { ready: ready && works, token: ready, store: works, clock, crl: crls.status() };
    },
  } satisfies Partial<Handlers<CaContract>>;
}
