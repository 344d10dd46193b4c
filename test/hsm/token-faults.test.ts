import t, { type Test } from 'tap';
import { kindOf } from '../../src/base/errors.ts';
import type { DigestName, KeyTypeName } from '../../src/crypto/algorithms.ts';
import { createVerifier } from '../../src/crypto/verify.ts';
import { startToken, type TokenConfig } from '../../src/hsm/pool.ts';
import { refused } from '../helpers/refused.ts';
import { makeShim } from '../helpers/shim.ts';
import { makeSoftHsmToken, usualKeys } from '../helpers/softhsm.ts';
import { digests } from './attached.ts';
import { until, workerPids } from './workers.ts';

const softHsm = await makeSoftHsmToken(t, [...usualKeys, { label: 'log', kind: 'EC-P256' }]);

/** A pool of workers over a shim of its own, already with these lines in its control. */
async function open(t: Test, { control = [], ...change }: Partial<TokenConfig> & { control?: string[] } = {}) {
  const shim = makeShim(t);
  shim.control(...control);
  const troubles: unknown[] = [];
  const events = { onPinRefused: () => t.fail(), onTrouble: (error: unknown) => troubles.push(error) };
  const token = await startToken({ ...softHsm.config, module: shim.module, ...change }, softHsm.pin(), events);
  t.teardown(() => token.stop());
  const newJob = async (keyType: KeyTypeName = 'EC-P256') => {
    const key = await token.generateKeyPair({ keyType, kek: 'kek-1' });
    return { ...key, keyType, kek: 'kek-1', digest: 'SHA-256' as DigestName };
  };
  return { token, shim, troubles, newJob };
}

type Opened = Awaited<ReturnType<typeof open>>;
type Job = Awaited<ReturnType<Opened['newJob']>>;

/** S50: 1,000 good signatures, while each worker keeps the same two sessions: of its login, and of its work. */
async function signsOn(t: Test, { token, shim }: Opened, job: Job, what: string): Promise<void> {
  shim.clearCalls();
  const given = digests(1000);
  const signatures = await token.sign({ ...job, digests: given });
  const verify = createVerifier(job.keyType, job.spki);
  t.same(
    given.filter((digest, index) => !verify('SHA-256', digest, signatures[index]!)),
    [],
    `1,000 good signatures after ${what}`,
  );
  const signing = shim.calls().filter((call) => call.function === 'C_Sign');
  t.same([...new Set(signing.map((call) => call.open))], [2], 'and the sessions are as many as before');
}

t.test('S50, S51: callers see a name and no text of the token, whatever it does under load', async (t) => {
  const opened = await open(t);
  const { token, shim, newJob } = opened;
  const job = await newJob();
  for (const [rule, allowed] of [
    ['fail C_Sign 20 0x30', []],
    ['fail C_SignInit 5-7 0xb3', []],
    ['fail C_UnwrapKey 3-4 0x6', []],
    ['fail C_OpenSession 1 0x32', []],
    ['fail C_Sign 9 0x70', ['internal']],
    ['fail C_Sign 9- 0x32', ['tokenUnavailable']],
  ] as const) {
    shim.control(rule);
    const all = await Promise.allSettled(
      Array.from({ length: 64 }, (_, index) => token.sign({ ...job, digests: digests(1 + (index % 5)) })),
    );
    const errors = all.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    t.same([...new Set(errors.map(kindOf))], allowed, rule);
    t.ok(errors.every((error) => !/CKR|0x/.test(error.message)));
    shim.control();
    await until(() => token.status().workers === 2);
    await signsOn(t, opened, job, rule);
  }
});

t.test('S50: no operation leaves a session behind, nor does one that fails', async (t) => {
  const { token, shim, newJob } = await open(t);
  const [job, rsa] = [await newJob(), await newJob('RSA-2048')];
  const { spki } = await token.publicKey({ label: 'log' });
  for (let round = 0; round < 5; round += 1) {
    shim.control('fail C_Sign 2 0x70', 'fail C_DestroyObject 3 0x82', 'fail C_CloseSession 1 0x5');
    const resident = { label: 'log', keyType: 'EC-P256' as const, spki, digest: 'SHA-256' as const };
    await Promise.allSettled([
      ...[job, rsa].map((one) => token.sign({ ...one, digests: digests(2) })),
      ...[token.hmac({ label: 'pepper-1', data: Buffer.of(1) }), token.publicKey({ label: 'log' })],
      ...[token.signResident({ ...resident, digests: digests(3) }), token.hmac({ label: 'none', data: Buffer.of(1) })],
    ]);
  }
  shim.control();
  for (let call = 0; call < 8; call += 1) await token.hmac({ label: 'pepper-1', data: Buffer.of(1) });
  const last = new Map(shim.calls().map(({ pid, open }) => [pid, open]));
  t.ok(
    [...last.values()].every((open) => open <= 2),
    `${[...last.values()]}: of the login, and of the work`,
  );
});

t.test('S52: a call that hangs costs its worker, and its signature is made by another one', async (t) => {
  const opened = await open(t);
  const { token, shim, newJob } = opened;
  const job = await newJob();
  const before = workerPids();
  shim.control('hang C_Sign 1');
  const begun = performance.now();
  const hanging = token.sign({ ...job, digests: digests(1) });
  await until(() => shim.calls().some(({ fault }) => fault === 'hang'));
  t.equal((await token.sign({ ...job, digests: digests(100) })).length, 100, 'meanwhile, by another worker');
  t.equal((await hanging).length, 1);
  t.ok(performance.now() - begun < 12_000);
  await until(() => token.status().workers === 2 && workerPids().some((pid) => !before.includes(pid)));
  await signsOn(t, opened, job, 'a call that hung');
});

t.test('S52: a batch that a slow token signs for longer than a call may take costs no worker', async (t) => {
  const { token, shim, troubles, newJob } = await open(t);
  const job = await newJob();
  const before = workerPids();
  shim.control('delay C_Sign 1- 450');
  const signatures = await token.sign({ ...job, digests: digests(20) });
  t.equal(signatures.length, 20, 'nine seconds, of which no call took eight');
  t.same(workerPids(), before);
  t.same(troubles, []);
});

t.test('S52: when every worker hangs, the caller hears so at the deadline, and the token serves again', async (t) => {
  const opened = await open(t, { deadline: 3000 });
  const { token, shim, newJob } = opened;
  const job = await newJob();
  shim.control('hang C_Sign 1-2');
  const all = await Promise.allSettled([1, 2].map(() => token.sign({ ...job, digests: digests(1) })));
  t.same(
    all.map((one) => one.status === 'rejected' && kindOf(one.reason)),
    ['tokenUnavailable', 'tokenUnavailable'],
  );
  await until(() => token.status().workers === 2);
  await signsOn(t, opened, job, 'calls that hung');
});

t.test('S52: a module that hangs at its end does not hold up the stop', async (t) => {
  const { token, shim } = await open(t);
  const workers = workerPids();
  shim.control('hang C_Finalize 1-');
  const begun = performance.now();
  await token.stop();
  t.ok(performance.now() - begun < 8000);
  t.ok(shim.calls().some(({ fault }) => fault === 'hang'));
  t.same(
    workers.filter((pid) => workerPids().includes(pid)),
    [],
  );
});

t.test('S11, S12, S51: a flipped bit and a wrong key are found, and nothing of the batch is released', async (t) => {
  const opened = await open(t, { workers: 1 }); // a second one would still be at a batch that has failed
  const { token, shim, newJob } = opened;
  for (const keyType of ['EC-P256', 'RSA-2048'] as const) {
    const job = await newJob(keyType);
    for (const fault of ['flip C_Sign 40', 'otherkey C_SignInit 40']) {
      shim.clearCalls();
      shim.control(fault);
      await t.rejects(token.sign({ ...job, digests: digests(100) }), refused('integrity'), `${keyType}: ${fault}`);
      shim.control();
      const faults = shim.calls().filter((call) => call.fault);
      t.match(faults, [{ result: 0, real: 0, fault: fault.split(' ')[0] }], 'the token had nothing to say against it');
    }
    if (keyType === 'EC-P256') await signsOn(t, opened, job, 'a wrong signature');
  }
});

t.test('S54: a token whose self-test fails does not come up, and does when it is mended', async (t) => {
  const { token, shim, troubles } = await open(t, { workers: 1, control: ['flip C_Sign 1-'] });
  t.same(token.status(), { ready: false, workers: 0 });
  t.equal(kindOf(troubles[0]), 'integrity');
  await t.rejects(token.hmac({ label: 'pepper-1', data: Buffer.of(1) }), refused('tokenUnavailable'));
  shim.control();
  await until(() => token.status().ready);
  t.equal((await token.hmac({ label: 'pepper-1', data: Buffer.of(1) })).length, 32);
});

t.test('S56: what a module lost is missing in what the token serves, or is named with the fix', async (t) => {
  const [pss, kwp, wrapPad] = ['hide 0xd', 'hide 0x210b', 'hide 0x210a'];
  const { token } = await open(t, { workers: 1, control: [pss] });
  t.notOk(token.signAlgos('RSA-2048').includes('1.2.840.113549.1.1.10'), 'no PSS without CKM_RSA_PKCS_PSS');
  t.ok(token.signAlgos('RSA-2048').length > 0);
  const keeping = await open(t, { workers: 1, control: [kwp, wrapPad] });
  t.notOk(keeping.token.opens('EC-P256', 'CKM_AES_KEY_WRAP_PAD'), 'no wrapped key without its mechanism');
  const request = { keyType: 'EC-P256', kek: 'kek-1', name: 'kept' } as const;
  t.equal((await keeping.token.generateKeyPair(request)).mechanism, 'resident');
  t.ok(await keeping.token.destroyResident({ name: 'kept' }));
  for (const [control, named] of [
    [['hide 0x1040'], /does not offer CKM_EC_KEY_PAIR_GEN.*slots\.mechanisms/],
    [['hide 0x1', 'hide 0x251'], /does not offer CKM_RSA_PKCS, CKM_SHA256_HMAC.*slots\.mechanisms/],
  ] as const) {
    const { token, troubles } = await open(t, { workers: 1, control: [...control] });
    t.notOk(token.status().ready);
    t.match(String(troubles[0]), named);
  }
});
