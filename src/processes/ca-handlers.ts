import { answerHandlers } from '../ca/answers.ts';
import { pemOf } from '../ca/authorities.ts';
import { checkHandlers } from '../ca/check.ts';
import type { WatchedClock } from '../ca/clock.ts';
import type { Authority } from '../ca/context.ts';
import type { CrlPublisher } from '../ca/crl-publisher.ts';
import type { ExpiryAlarms } from '../ca/expiry-alarms.ts';
import { outsideHealth } from '../ca/external/poll.ts';
import type { Feed } from '../ca/feed.ts';
import type { OcspResponder } from '../ca/ocsp.ts';
import { orderHandlers } from '../ca/order-handlers.ts';
import type { Rollovers } from '../ca/rollover.ts';
import type { Issuer } from '../ca/sandbox.ts';
import type { TimestampAuthority } from '../ca/tsa.ts';
import type { Token } from '../hsm/pool.ts';
import type { CaContract } from '../ipc/ca-contract.ts';
import type { Handlers } from '../ipc/contract.ts';
import type { CaStore } from '../store/ca/tables.ts';
import { externalHandlers } from './ca-external.ts';
import { revocationHandlers } from './ca-revocation.ts';

/** What the ca process runs on. */
export type CaRoom = {
  authority: Authority;
  store: CaStore;
  token: Token;
  issuer: Issuer;
  /** Begins to carry out a line that was ordered. */
  carryOut(lineHash: string): void;
  /** Whose word timestamps pass on. */
  time: WatchedClock;
  responder: OcspResponder;
  tsa: TimestampAuthority;
  feed: Feed;
  crls: CrlPublisher;
  rollovers: Rollovers;
  alarms: ExpiryAlarms;
};

/** Everything that ca answers, one line for each part of it. */
export const caHandlers = (room: CaRoom): Handlers<CaContract> => ({
  ...authorityHandlers(room),
  ...answerHandlers(room.responder, room.tsa),
  ...revocationHandlers(room),
  ...orderHandlers(room.authority, room.carryOut),
  ...checkHandlers(room.authority),
  ...externalHandlers(room),
  'sandbox.issue': (line) => room.issuer.issue(line),
});

function authorityHandlers({ authority, store, token, time, crls, rollovers, alarms }: CaRoom) {
  return {
    'authority.certificates': async () => {
      const now = authority.clock.now();
      const living = authority.pki.all().filter(({ notAfter }) => notAfter >= now);
      return { root: pemOf(living, 'root'), issuing: pemOf(living, 'issuing') };
    },
    'authority.prepareRollover': async ({ kind }) => ({ keys: await rollovers.prepare(kind) }),
    'authority.rollover': async ({ kind, keys, persons }) => {
      const { record, ids } = await rollovers.confirm(kind, keys, persons);
      const added = authority.pki.all().filter(({ id }) => ids.includes(id));
      return { record, ids, roots: pemOf(added, 'root') };
    },
    status: async () => {
      const { ready } = token.status();
      const works = store.works();
      const expiring = alarms.list().map(({ id, notAfter, threshold }) => ({ id, notAfter, threshold }));
      const ended = expiring.some(({ threshold }) => threshold === 0);
      const external = await outsideHealth(authority);
      return {
        ...{ ready: ready && works && !ended, token: ready, store: works, clock: time.state(), crl: crls.status() },
        external,
        ...(expiring.length > 0 && { expiring }),
      };
    },
  } satisfies Partial<Handlers<CaContract>>;
}
