import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { Compile } from 'typebox/compile';
import type { Signer } from '../../src/activation/context.ts';
import { enrolCa, initialiseSignerStore } from '../../src/activation/initialise.ts';
import { startSigner } from '../../src/activation/start.ts';
import type { Argon2Cost } from '../../src/crypto/argon2.ts';
import type { Token } from '../../src/hsm/pool.ts';
import type { Params, Result } from '../../src/ipc/contract.ts';
import type { Order, SignedFeed } from '../../src/ipc/feed.ts';
import { type SignerContract, signerContract } from '../../src/ipc/signer-contract.ts';
import { openStore, type StoreLocation } from '../../src/store/open-store.ts';
import { type SignerStore, signerDomain } from '../../src/store/signer/tables.ts';
import { type FakeCa, fakeCa } from './fake-ca.ts';
import { type FakeClock, fakeClock } from './fake-clock.ts';
import { type FaultyStore, faulty, inBackground } from './faulty-store.ts';
import { type FakeNotify, fakeNotify } from './notify.ts';
import { newPerson, type PersonOptions, type TestPerson } from './person.ts';
import type { Stores } from './stores.ts';
import { type WatchedToken, watchToken } from './watched-token.ts';

export { codeAt } from './authenticator.ts';
export { certificateChain, fakeCa } from './fake-ca.ts';
export { fakeClock } from './fake-clock.ts';
export { ecdsaWithSha256, type TestPerson } from './person.ts';
export { signerToken } from './watched-token.ts';

/** The least that Argon2id takes. */
export const cheapPin = { memory: 8, passes: 1, lanes: 1 };

/** A message to the signer by its contract: what is sent and what is answered must fit the schemas. */
type Call = <M extends keyof SignerContract>(
  method: M,
  params: Params<SignerContract, M>,
) => Promise<Result<SignerContract, M>>;

const schemas = Object.fromEntries(
  Object.entries(signerContract).map(([name, method]) => [
    name,
    { params: Compile(method.params), result: Compile(method.result) },
  ]),
);

/** A signer in this process, on a store of its own or shared with another one. */
export type TestSigner = {
  signer: Signer;
  store: FaultyStore;
  location: StoreLocation;
  clock: FakeClock;
  token: WatchedToken;
  ca: FakeCa;
  notify: FakeNotify;
  /** What went wrong outside a call. */
  troubles: unknown[];
  call: Call;
  push(message: SignedFeed): Promise<Result<SignerContract, 'feed.push'>>;
  /** Pushes ca's next order. */
  obey(order: Order): Promise<Result<SignerContract, 'feed.push'>>;
  /** Lets time pass, and ca be heard afterwards. */
  advance(milliseconds: number): Promise<void>;
  /** Another life, or a second signer: the same store, token and ca. */
  again(
    changes?: Partial<{
      instance: string;
      clock: FakeClock;
      store: SignerStore;
      token: Token;
      pinCost: Argon2Cost;
    }>,
  ): Promise<TestSigner>;
  /** A person with a credential, activated unless told otherwise. */
  newPerson(options?: PersonOptions): Promise<TestPerson>;
};

export async function newSigner(
  t: Test,
  stores: Pick<Stores, 'location'>,
  token: Token,
  clock = fakeClock(),
): Promise<TestSigner> {
  const location = await stores.location();
  const store = await openStore(signerDomain, location);
  t.teardown(() => store.close());
  const ca = fakeCa(clock);
  await initialiseSignerStore(store, token);
  await enrolCa(store, token, ca.spki);
  const notify = fakeNotify();
  const atEnd = (work: () => Promise<void>) => t.teardown(work);
  return open({ store, location, token, clock, ca, notify, atEnd, instance: 'signer-1' });
}

type OpenParts = Pick<TestSigner, 'location' | 'clock' | 'ca' | 'notify'> & {
  atEnd: (work: () => Promise<void>) => void;
  store: SignerStore;
  token: Token;
  instance: string;
  pinCost?: Argon2Cost;
};

async function open(parts: OpenParts): Promise<TestSigner> {
  const store = faulty(parts.store);
  const token = watchToken(parts.token);
  const { clock, ca, notify, instance, location, pinCost = cheapPin } = parts;
  const troubles: unknown[] = [];
  const { signer, handlers, notices } = await inBackground(() =>
    startSigner({
      ...{ store, token, clock, instance, notify, pinCost },
      onError: (error) => troubles.push(error),
    }),
  );
  parts.atEnd(() => notices.stop());

  const call: Call = async (method, params) => {
    const schema = schemas[method]!;
    if (!schema.params.Check(params)) throw new Error(`${method}: not a message of the contract`);
    const result = await (handlers[method] as (params: unknown, link: string) => Promise<unknown>)(params, 'api');
    if (!schema.result.Check(result)) throw new Error(`${method}: not an answer of the contract`);
    return result as Result<SignerContract, typeof method>;
  };
  const push = (message: SignedFeed) => call('feed.push', message);
  const obey = (order: Order) => push(ca.order(order));
  await push(ca.heartbeat());

  const self: TestSigner = {
    ...{ signer, store, location, clock, token, ca, notify, troubles, call, push, obey },
    async advance(milliseconds) {
      clock.advance(milliseconds);
      await push(ca.heartbeat());
    },
    again: (changes) => open({ ...parts, ...changes }),
    newPerson: (options) => newPerson(self, options),
  };
  return self;
}

/** Digests of random documents. */
export const randomHashes = (count: number, length = 32) => Array.from({ length: count }, () => randomBytes(length));

/** The leaves of the log in the order of their making, as objects. */
export async function readLeaves(store: Pick<SignerStore, 'read'>): Promise<Record<string, unknown>[]> {
  const rows = await store.read.db.select().from(store.read.t.logLeaves);
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1)).map((row) => JSON.parse(row.leaf));
}
