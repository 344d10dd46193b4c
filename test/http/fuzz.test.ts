import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import { Compile } from 'typebox/compile';
import { type ErrorKind, errorKinds, KysoError } from '../../src/base/errors.ts';
import { signAlgosOf } from '../../src/crypto/algorithms.ts';
import { loginDesk } from '../../src/http/logins.ts';
import { caContract } from '../../src/ipc/ca-contract.ts';
import type { Contract, Peer } from '../../src/ipc/contract.ts';
import { signerContract } from '../../src/ipc/signer-contract.ts';
import { fuzzRounds, fuzzSeed, type Random, randomFrom } from '../helpers/random.ts';
import { type Schema, sampleOf } from '../helpers/schema-samples.ts';
import { lanCertificate, testCa } from './certificates.ts';
import { fuzzCases, type Session } from './fuzz-cases.ts';
import { answerOf, wrongWith } from './fuzz-judge.ts';
import { basic, cheap, lan, type Sandbox, startApi } from './helpers.ts';
import { withRoutes } from './routes.ts';

/** What the heap may grow by between a quarter of the requests and the last one, after collection: 8 MiB. */
const heapBound = 8 * 1_048_576;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Kinds that are the doing of somebody outside; the others are faults of ours, and may answer 5xx. */
const refusals = errorKinds.slice(0, errorKinds.indexOf('orderRefused'));
/** Those that signer has for the holder of an account. */
const ofAccounts: readonly ErrorKind[] = [
  ...(['activationInvalid', 'pinInvalid', 'pinLocked', 'pinRefused', 'otpInvalid', 'otpLocked'] as const),
  ...(['moveNotAllowed', 'tooManyRequests', 'requestInvalid'] as const),
];

type Refuse = (method: string) => ErrorKind | undefined;

/** A signer or ca that answers every question with something that fits its contract, or with a refusal. */
function play<C extends Contract>(peer: Peer<C>, contract: C, random: Random, refuse: Refuse): void {
  const scripted: Record<string, (params: unknown) => unknown> = {
    'credentials.list': () => ({ credentialIDs: [random.bytes(16).toString('base64url')], more: random.once(2) }),
    status: () => ({ ready: true, token: true, store: true, feed: true, notify: 'ok' }),
    'credentials.info': () => ({
      ...{ keyStatus: 'enabled', keyType: 'EC-P256', signAlgos: signAlgosOf('EC-P256'), otp: 'totp' },
      ...{ certStatus: 'valid', chain: [lanCertificate, testCa] },
    }),
    // One user ID is one subscriber.
    'activation.complete': (params) => {
      const { userID } = params as { userID: string };
      const other = createHash('sha256').update(userID).digest('base64url');
      return { subscriber: userID === lan.userID ? lan.subscriber : other };
    },
  };
  const schemas = new Map(Object.entries(contract).map(([method, { params }]) => [method, Compile(params)]));
  peer.call = async (method, params) => {
    if (!schemas.get(method)?.Check(params)) throw new Error(`outside the contract: ${method}`);
    const kind = method === 'status' ? undefined : refuse(method);
    if (kind) throw new KysoError(kind, 'MARKER-message at fake (peer.ts:1:1) SQLITE_BUSY');
    return (scripted[method]?.(params) ?? sampleOf(contract[method]!.result as Schema, random)) as never;
  };
}

/** Lan's password as it was, and live tokens; what was asked before may have ended both. */
async function renew({ app, store, clock }: Sandbox, session: Session, random: Random): Promise<void> {
  await loginDesk({ store, clock, cost: cheap }).enrol(lan.userID, lan.subscriber, lan.password);
  const from = { method: 'POST', remoteAddress: `192.0.2.${random.below(256)}` } as const;
  const headers = { 'content-type': 'application/json' };
  const csc = {
    ...from,
    url: '/csc/v1/auth/login',
    payload: '{}',
    headers: { ...headers, ...basic(lan.userID, lan.password) },
  };
  const own = {
    ...from,
    url: '/subscriber/v1/login',
    payload: JSON.stringify({ userID: lan.userID, password: lan.password }),
    headers,
  };
  session.csc = (await app.inject(csc)).json().access_token;
  session.own = (await app.inject(own)).json().access_token;
}

type Pass = { refuse(random: Random): Refuse; mayFail: boolean; rounds: number; nearMisses: boolean };

async function pass(t: Test, { refuse, mayFail, rounds, nearMisses }: Pass): Promise<void> {
  const random = randomFrom(fuzzSeed);
  const { made: sandbox, routes } = await withRoutes(() => startApi(t));
  play(sandbox.signer, signerContract, random, refuse(random));
  play(sandbox.ca, caContract, random, refuse(random));
  const session: Session = { csc: '', own: '', userID: lan.userID, password: lan.password, known: {} };
  await renew(sandbox, session, random);
  const cases = fuzzCases(
    routes.filter(({ url }) => !url.includes('*')),
    session,
    random,
  );
  const systematic = nearMisses ? cases.nearMisses() : [];
  const all = systematic.length + rounds;

  const statuses: Record<number, number> = {};
  let before = 0;
  for (let n = 0; n < all; n += 1) {
    const one = systematic[n] ?? cases.anything();
    if (n % 50 === 0) sandbox.clock.set(sandbox.clock.now() + 1000);
    let answer = await answerOf(sandbox.app, one);
    if (one.good && answer?.statusCode === 401) {
      await renew(sandbox, session, random);
      answer = await answerOf(sandbox.app, one);
    }
    const wrong = answer ? wrongWith(answer, mayFail) : 'it hangs';
    if (wrong) {
      const { method, url, headers, payload } = one.make();
      const request = { method, url, headers, payload: String(payload ?? '').slice(0, 500) };
      t.fail(`FUZZ_SEED=${fuzzSeed}, case ${n}: ${wrong}`, { request, status: answer?.statusCode, body: answer?.body });
    }
    const status = answer?.statusCode ?? 0;
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (n === Math.floor(all / 4)) {
      collect();
      before = process.memoryUsage().heapUsed;
    }
  }
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  t.comment(
    `${all} requests to ${routes.length} routes: ${JSON.stringify(statuses)}; heap ${Math.round(grown / 1024)} KiB`,
  );
  t.ok(grown < heapBound, 'memory is bounded');
  t.ok((statuses[200] ?? 0) + (statuses[204] ?? 0) > all / 20, 'a good part is good enough to be answered');
  t.equal((await sandbox.app.inject('/health/ready')).statusCode, 200, 'and it lives');
}

t.test(`S92: whatever is asked, the answer says what is wrong and nothing else (FUZZ_SEED=${fuzzSeed})`, async (t) => {
  await t.test('of a signer that answers', (t) =>
    pass(t, { refuse: () => () => undefined, mayFail: false, rounds: fuzzRounds, nearMisses: true }),
  );
  const half = Math.ceil(fuzzRounds / 2);
  const sometimes = (random: Random, kinds: readonly ErrorKind[]) => (random.once(2) ? random.pick(kinds) : undefined);
  await t.test('of one that refuses', (t) => {
    const refuse = (random: Random) => (method: string) =>
      sometimes(random, /^(?:account|activation|totpMove)\./.test(method) ? ofAccounts : refusals);
    return pass(t, { refuse, mayFail: false, rounds: half, nearMisses: false });
  });
  await t.test('S26: of one that fails', (t) =>
    pass(t, {
      refuse: (random) => () => sometimes(random, errorKinds),
      mayFail: true,
      rounds: half,
      nearMisses: false,
    }),
  );
});
