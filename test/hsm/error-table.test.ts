import t from 'tap';
import { createVerifier } from '../../src/crypto/verify.ts';
import { remedies, remedyFor } from '../../src/hsm/errors.ts';
import type { GeneratedKey, Task } from '../../src/hsm/protocol.ts';
import { startWorker } from '../../src/hsm/worker-process.ts';
import { makeShim } from '../helpers/shim.ts';
import { makeSoftHsmToken } from '../helpers/softhsm.ts';
import { digests } from './attached.ts';

// Real worker processes over a real token, between which the shim answers what the table of errors is about.
const softHsm = await makeSoftHsmToken(t);
const shim = makeShim(t);
const options = { ...softHsm.config, module: shim.module, deadline: 10_000 };

const start = async () => (await startWorker({ ...options, pin: softHsm.pin() })).worker;
let worker = await start();
t.teardown(() => worker.stop());

const perform = async (task: Task) => (await worker.perform([task]))[0]!;

const made = await perform({ operation: 'generateKeyPair', request: { keyType: 'EC-P256', kek: 'kek-1' } });
if (made.is !== 'done') throw made.error;
const key = made.answer as GeneratedKey;
const verify = createVerifier('EC-P256', key.spki);
const sign = (count: number, given = digests(count)) =>
  perform({
    operation: 'sign',
    request: { ...key, keyType: 'EC-P256', kek: 'kek-1', digest: 'SHA-256', digests: given },
  });

/** The calls of a signature on a new session, but for C_DestroyObject, which comes when it is made. */
const functions = ['C_OpenSession', 'C_FindObjectsInit', 'C_UnwrapKey', 'C_SignInit', 'C_Sign'];
/** C_UnwrapKey is asked again before a blob counts as forged: a token at fault fails then, too. */
const enough = (name: string) => (name === 'C_UnwrapKey' ? 2 : 1);

/** Signs once on a new session, in which the first `times` calls of a function answer `code`. */
async function signWith(name: string, code: number, times = enough(name)) {
  shim.control('fail C_DestroyObject 1 0x6');
  t.equal((await sign(1)).is, 'done', 'an object that stays costs the session, and no signature');
  shim.control(`fail ${name} 1-${times} ${code}`);
  const outcome = await sign(1);
  shim.control();
  if (outcome.is === 'lost') worker = await worker.exited.then(start);
  if (outcome.is !== 'done') t.notMatch(outcome.error.message, /CKR|0x|\d{2}/, 'no text of PKCS#11 for a caller');
  return outcome.is === 'done' ? 'done' : `${outcome.is}: ${outcome.error.kind}`;
}

/** S50: 1,000 signatures, and the same two sessions (of the login, and of the work) at each of them. */
async function signsOn(what: string) {
  shim.clearCalls();
  const given = digests(1000);
  const outcome = await sign(1000, given);
  const signatures = outcome.is === 'done' ? (outcome.answer as Buffer[]) : [];
  const bad = given.filter((digest, index) => index % 20 === 0 && !verify('SHA-256', digest, signatures[index]!));
  const calls = shim.calls().filter((call) => call.function === 'C_Sign');
  const sessions = new Set(calls.map(({ open }) => open));
  t.same(
    { signatures: signatures.length, bad, calls: calls.length, sessions: [...sessions] },
    { signatures: 1000, bad: [], calls: 1000, sessions: [2] },
    `1,000 good signatures, and no session more or less, after ${what}`,
  );
}

const answers = {
  freshSession: 'done',
  newProcess: 'lost: tokenUnavailable',
  none: 'failed: internal',
  pinRefused: 'failed: tokenPinRefused',
};

const codes = [...Object.values(remedies).flat(), 0x54, 0x4242, 0x8000_0001];

t.test(
  'S50: what a code in any call is answered with is what the table says, and 1,000 good signatures follow',
  async (t) => {
    for (const [index, code] of codes.entries()) {
      const remedy = remedyFor(new Error(`CKR_WHATEVER:${code}`));
      const name = `0x${code.toString(16)}`;
      // A new process takes a third of a second: of the codes that cost one, each is tried in two of the functions.
      const tried = functions.filter((each, at) => remedy !== 'newProcess' || each === 'C_Sign' || at === index % 4);
      for (const each of tried) t.equal(await signWith(each, code), answers[remedy], `${name} in ${each}`);
      t.equal(await signWith('C_DestroyObject', code), 'done', `${name} in C_DestroyObject costs no signature`);
      const healed = await signWith('C_UnwrapKey', code, 1);
      t.equal(healed, 'done', `S51: ${name} once in C_UnwrapKey makes no blob forged`);
      await signsOn(name);
    }
  },
);

t.test('S50: a code that a fresh session does not heal costs the process, and no more', async (t) => {
  for (const each of functions) {
    t.equal(await signWith(each, 0xb3, 2 * enough(each)), 'lost: tokenUnavailable', each);
    await signsOn(`0xb3 for ever in ${each}`);
  }
});

t.test('S51: C_Login is asked once, save where two at once fail; a refused PIN is named', async (t) => {
  const loginWith = async (code: number, times = 1) => {
    shim.clearCalls();
    shim.control(`fail C_Login 1-${times} ${code}`);
    const answer = await start().then(
      (started) => started.stop(),
      (error) => t.notMatch(error.message, /CKR|0x/) && (error.kind as string),
    );
    const logins = shim.calls().filter((call) => call.function === 'C_Login');
    shim.control();
    return [answer ?? 'started', logins.length];
  };
  for (const code of remedies.pinRefused)
    t.same(await loginWith(code), ['tokenPinRefused', 1], `0x${code.toString(16)}`);
  for (const code of [0x30, 0x32, 0x90, 0x102, 0x4242]) t.same(await loginWith(code), ['tokenUnavailable', 1]);
  t.same(await loginWith(0x70), ['internal', 1]);
  t.same(await loginWith(0x05), ['started', 2], 'CKR_GENERAL_ERROR: two logins at once');
  t.same(await loginWith(0x05, 5), ['tokenUnavailable', 5]);
});
