import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Test } from 'tap';
import { Compile } from 'typebox/compile';
import { type Signer, tokenLabels } from '../../src/activation/context.ts';
import { enrolCa, initialiseSignerStore, startSigner } from '../../src/activation/start.ts';
import type { Clock } from '../../src/base/clock.ts';
import { KysoError } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import type { KeyTypeName } from '../../src/crypto/algorithms.ts';
import { startToken, type Token } from '../../src/hsm/pool.ts';
import type { Params, Result } from '../../src/ipc/contract.ts';
import type { FeedPayload, Order, SignedFeed } from '../../src/ipc/feed.ts';
import type { TemplateName } from '../../src/ipc/notify-contract.ts';
import { type SignerContract, signerContract } from '../../src/ipc/signer-contract.ts';
import { lint, signLinted } from '../../src/pki/lint.ts';
import { profiles } from '../../src/pki/profiles.ts';
import { openStore, type StoreLocation } from '../../src/store/open-store.ts';
import { type SignerStore, signerDomain } from '../../src/store/signer/tables.ts';
import { draftOf, teacher, testAuthority } from './authority.ts';
import { type FakeNotify, fakeNotify } from './notify.ts';
import { makeSoftHsmToken } from './softhsm.ts';
import type { Stores } from './stores.ts';

export const ecdsaWithSha256 = '1.2.840.10045.4.3.2';

/** The least that Argon2id takes. */
export const cheapPin = { memory: 8, passes: 1, lanes: 1 };

const period = 30_000;
const start = Date.UTC(2026, 10, 2, 3, 0, 10);

/** A clock whose two hands move only when they are told to. `step` moves the wall clock alone. */
export type FakeClock = Clock & { advance(milliseconds: number): void; step(milliseconds: number): void };

export function fakeClock(now = start): FakeClock {
  let wall = now;
  let monotonic = 1_000;
  return {
    now: () => wall,
    monotonic: () => monotonic,
    advance(milliseconds) {
      wall += milliseconds;
      monotonic += milliseconds;
    },
    step(milliseconds) {
      wall += milliseconds;
    },
  };
}

/** A real SoftHSM token with the signer's keys, running until the test ends. Takes seconds: one for a file. */
export async function signerToken(t: Test): Promise<Token> {
  const secretKeys = [tokenLabels.pepper, tokenLabels.rowMac, tokenLabels.seeds];
  const { config, pin } = await makeSoftHsmToken(
    t,
    [
      { label: tokenLabels.kek, kind: 'AES-256-KEK' },
      ...secretKeys.map((label) => ({ label, kind: 'HMAC-SHA256' as const })),
      { label: tokenLabels.attestation, kind: 'EC-P256' },
    ],
    'kyso-signer',
  );
  const token = await startToken(config, pin(), { onPinRefused: () => t.fail('the PIN was refused') });
  t.teardown(() => token.stop());
  return token;
}

/** A token that counts what it is asked to sign with subscribers' keys, and that fails on demand. */
export type WatchedToken = Token & {
  /** The digests of each call of `sign`, in hex. */
  signed: string[][];
  /** Called before each operation; throws to make the token fail. */
  before: (operation: 'sign' | 'hmac') => void | Promise<void>;
};

function watch(token: Token): WatchedToken {
  const watched: WatchedToken = {
    ...token,
    signed: [],
    before: () => {},
    async sign(request) {
      watched.signed.push(request.digests.map((digest) => digest.toString('hex')));
      await watched.before('sign');
      return token.sign(request);
    },
    async hmac(request) {
      await watched.before('hmac');
      return token.hmac(request);
    },
  };
  return watched;
}

/**
 * How a write goes wrong: it never begins; all of it is rolled back at the end; or it is committed, and only the answer
 * is lost on its way.
 */
export type WriteFault = 'refused' | 'rolledBack' | 'answerLost';

type FaultyStore = SignerStore & {
  /** Makes the `nth` write from now (1: the next) go wrong. */
  failWrite(nth: number, fault: WriteFault): void;
};

function faulty(store: SignerStore): FaultyStore {
  const faults: (WriteFault | undefined)[] = [];
  const failure = () => new KysoError('unavailable', 'the store did not record the change');
  return {
    ...store,
    failWrite(nth, fault) {
      faults[nth - 1] = fault;
    },
    async write(work) {
      const fault = faults.shift();
      if (fault === 'refused') throw failure();
      const result = await store.write(async (tx) => {
        const value = await work(tx);
        if (fault === 'rolledBack') throw failure();
        return value;
      });
      if (fault === 'answerLost') throw failure();
      return result;
    },
  };
}

/** Plays ca: numbers, signs and pushes what the signer obeys. */
export type FakeCa = {
  spki: Buffer;
  signed(payload: FeedPayload): SignedFeed;
  newest(): number;
  /** The next order, signed but not yet pushed. */
  order(order: Order): SignedFeed;
  /** A heartbeat, signed but not yet pushed. */
  heartbeat(changes?: Partial<Extract<FeedPayload, { type: 'heartbeat' }>>): SignedFeed;
};

export function fakeCa(clock: Clock): FakeCa {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let number = 0;
  let beat = 0;
  const signed = (value: FeedPayload): SignedFeed => {
    const payload = canonicalize(value) as string;
    return { payload, signature: sign('sha256', Buffer.from(payload), privateKey).toString('base64') };
  };
  return {
    spki: publicKey.export({ format: 'der', type: 'spki' }),
    signed,
    newest: () => number,
    order(order) {
      number += 1;
      return signed({ type: 'order', number, at: clock.now(), order });
    },
    heartbeat(changes) {
      beat += 1;
      return signed({ type: 'heartbeat', beat, number, at: clock.now(), ...changes });
    },
  };
}

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
  call: Call;
  push(message: SignedFeed): Promise<Result<SignerContract, 'feed.push'>>;
  /** Pushes ca's next order. */
  obey(order: Order): Promise<Result<SignerContract, 'feed.push'>>;
  /** Lets time pass, and ca be heard afterwards. */
  advance(milliseconds: number): Promise<void>;
  /** Another life, or a second signer: the same store, token and ca. */
  again(changes?: Partial<{ instance: string; clock: FakeClock; store: SignerStore }>): Promise<TestSigner>;
  /** A person with a credential, activated unless told otherwise. */
  newPerson(options?: PersonOptions): Promise<TestPerson>;
};

export async function newSigner(t: Test, stores: Stores, token: Token, clock = fakeClock()): Promise<TestSigner> {
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
};

async function open(parts: OpenParts): Promise<TestSigner> {
  const store = faulty(parts.store);
  const token = watch(parts.token);
  const { clock, ca, notify, instance, location } = parts;
  const { signer, handlers, notices } = await startSigner({
    ...{ store, token, clock, instance, notify, pinCost: cheapPin },
    onError: () => {},
  });
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
    ...{ signer, store, location, clock, token, ca, notify, call, push, obey },
    async advance(milliseconds) {
      clock.advance(milliseconds);
      await push(ca.heartbeat());
    },
    again: (changes) => open({ ...parts, ...changes }),
    newPerson: (options) => newPerson(self, options),
  };
  return self;
}

export type PersonOptions = {
  keyType?: KeyTypeName;
  otp?: 'totp' | 'email';
  activate?: boolean;
  /** When the certificate ends, in epoch milliseconds. */
  notAfter?: number;
};

export type Caller = { subscriber: string; client: string; grant: string; request: string };
type AuthorizeParams = Params<SignerContract, 'credentials.authorize'>;
type SignParams = Params<SignerContract, 'signatures.signHash'>;

export type TestPerson = {
  userID: string;
  subscriber: string;
  credentialID: string;
  caller: Caller;
  halves: { email: string; sms: string };
  pin: string;
  /** Set by `enrol`. */
  totpSecret: string;
  spki: Buffer;
  chain: string[];
  /** First step of the activation. */
  enrol(): Promise<void>;
  /** Second step; the whole of it with `enrol` before. */
  activate(changes?: Partial<Params<SignerContract, 'activation.complete'>>): Promise<{ subscriber: string }>;
  /** The code of the step that is `offset` steps from now. */
  code(offset?: number): string;
  /** A code that was not used before: time passes to the next step. */
  nextCode(): Promise<string>;
  /** Authorizes these hashes with the PIN and, unless one is given, a fresh code. Answers the SAD. */
  authorize(hashes: Buffer[], changes?: Partial<AuthorizeParams>): Promise<string>;
  signHash(sad: string, hashes: Buffer[], changes?: Partial<SignParams>): Promise<Buffer[]>;
  /** A further credential of the same person. */
  newCredential(options?: PersonOptions): Promise<TestPerson>;
};

let people = 0;

async function newPerson(world: TestSigner, options: PersonOptions = {}): Promise<TestPerson> {
  people += 1;
  const subscriber = newId();
  const userID = `person.${people}`;
  const phone = `+849${String(people).padStart(8, '0')}`;
  await world.obey({
    ...{
      kind: 'subscriber',
      subscriber,
      userID,
      name: 'Nguyễn Thị Ánh',
      email: `${userID}@songhong.example.vn`,
      phone,
    },
  });
  const half = async (template: TemplateName) => (await world.notify.sent(template, userID)).values.half!;
  const [email, sms] = await Promise.all([half('activation.email'), half('activation.sms')]);
  const person = await withCredential(world, options, {
    ...{ userID, subscriber, halves: { email, sms }, pin: `pin-${randomBytes(6).toString('hex')}`, totpSecret: '' },
  });
  if (options.activate ?? true) {
    await person.enrol();
    await person.activate();
  }
  return person;
}

type Identity = Pick<TestPerson, 'userID' | 'subscriber' | 'halves' | 'pin' | 'totpSecret'>;

async function withCredential(world: TestSigner, options: PersonOptions, identity: Identity): Promise<TestPerson> {
  const { keyType = 'EC-P256', otp = 'totp' } = options;
  const { subscriber, userID } = identity;
  const credentialID = newId();
  const lineHash = randomBytes(32).toString('base64');
  const made = await world.obey({ kind: 'makeKey', credentialID, subscriber, keyType, otp, lineHash });
  const spki = Buffer.from(JSON.parse(made.attestation!.statement).spki, 'base64');
  const chain = await certificateChain(spki, world.clock.now(), options.notAfter);
  await world.obey({ kind: 'certificate', credentialID, chain });
  await world.push(world.ca.heartbeat());

  const caller = { subscriber, client: 'direct', grant: `grant-${credentialID}`.slice(0, 22), request: 'request-1' };
  const base64 = (hashes: Buffer[]) => hashes.map((hash) => hash.toString('base64'));
  const person: TestPerson = {
    ...{ ...identity, credentialID, caller, spki, chain },
    async enrol() {
      const { halves } = person;
      const { totpSecret } = await world.call('activation.begin', { userID, halves, request: 'request-0' });
      person.totpSecret = totpSecret;
    },
    async activate(changes) {
      const { halves, pin } = person;
      const otp = changes?.otp ?? (await person.nextCode());
      return world.call('activation.complete', { userID, halves, pin, request: 'request-0', ...changes, otp });
    },
    code: (offset = 0) => codeAt(person.totpSecret, world.clock.now() + offset * period),
    async nextCode() {
      await world.advance(period);
      return person.code();
    },
    async authorize(hashes, changes) {
      const otp = changes?.otp ?? (await person.nextCode());
      const { sad } = await world.call('credentials.authorize', {
        ...{ ...caller, credentialID, numSignatures: hashes.length, hashes: base64(hashes), pin: person.pin },
        openSlots: false,
        ...{ ...changes, otp },
      });
      return sad;
    },
    async signHash(sad, hashes, changes) {
      const { signatures } = await world.call('signatures.signHash', {
        ...{ ...caller, sad, credentialID, hashes: base64(hashes) },
        ...{ signAlgo: keyType.startsWith('EC') ? ecdsaWithSha256 : '1.2.840.113549.1.1.11', ...changes },
      });
      return signatures.map((signature) => Buffer.from(signature, 'base64'));
    },
    newCredential: (more = {}) => withCredential(world, more, person),
  };
  return person;
}

/** The code that an authenticator app shows at `at`: RFC 6238 by hand, so that the library under test is not its own judge. */
export function codeAt(totpSecret: string, at: number): string {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(Math.floor(at / period)));
  const mac = createHmac('sha1', fromBase32(totpSecret)).update(message).digest();
  const value = mac.readUInt32BE(mac[19]! & 15) & 0x7fffffff;
  return String(value % 1_000_000).padStart(6, '0');
}

function fromBase32(text: string): Buffer {
  const bits = Array.from(text, (letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
  );
  return Buffer.from(
    bits
      .join('')
      .match(/.{8}/g)!
      .map((byte) => Number.parseInt(byte, 2)),
  );
}

const authority = testAuthority('EC-P256', start - 3_600_000);

/** A certificate for this key under a made-up authority, base64 DER, end entity first. */
export async function certificateChain(spki: Buffer, now: number, notAfter?: number): Promise<string[]> {
  const { issuing, issuingKey, root } = await authority;
  const draft = draftOf(profiles.individual, teacher, spki, now - 60_000, issuing);
  const bounded = { ...draft, ...(notAfter !== undefined && { notAfter: new Date(notAfter) }) };
  const certificate = await signLinted(await lint(bounded), issuingKey.sign);
  return [certificate, issuing, root].map((der) => der.toString('base64'));
}

/** Digests of random documents. */
export const randomHashes = (count: number, length = 32) => Array.from({ length: count }, () => randomBytes(length));

/** The leaves of the log in the order of their making, as objects. */
export async function readLeaves(store: Pick<SignerStore, 'read'>): Promise<Record<string, unknown>[]> {
  const rows = await store.read.db.select().from(store.read.t.logLeaves);
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1)).map((row) => JSON.parse(row.leaf));
}
