import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import t from 'tap';
import type { KeyTypeName } from '../../src/crypto/algorithms.ts';
import { createVerifier } from '../../src/crypto/verify.ts';
import { startToken, type Token } from '../../src/hsm/pool.ts';
import { refused } from '../helpers/refused.ts';
import { usualKeys } from '../helpers/softhsm.ts';
import { onEachProvider } from '../helpers/tokens.ts';
import { workerPids } from './workers.ts';

const provider = onEachProvider(t, import.meta);
const { config, pin, spki } = await provider.makeToken(t, [...usualKeys, { label: 'log', kind: 'EC-P256' }]);
const events = {
  onPinRefused: () => t.fail('the PIN was refused'),
  onTrouble: (error: unknown) => t.fail(String(error)),
};
const token = await startToken(config, pin(), events);
t.teardown(() => token.stop());

const keyTypes: KeyTypeName[] = ['EC-P256', 'RSA-2048'];
const kek = 'kek-1';
const digests = (count: number) => Array.from({ length: count }, () => randomBytes(32));

async function makeJob(pool: Token, keyType: KeyTypeName) {
  return { keyType, kek, ...(await pool.generateKeyPair({ keyType, kek })), digest: 'SHA-256' as const };
}

t.test('1,000 digests are signed in the order of the request, as node:crypto finds', async (t) => {
  for (const keyType of keyTypes) {
    const job = await makeJob(token, keyType);
    const messages = Array.from({ length: 1000 }, (_, index) => Buffer.from(`document ${index}`));
    const hashed = messages.map((message) => createHash('sha256').update(message).digest());
    const signatures = await token.sign({ ...job, digests: hashed });
    const key = createPublicKey({ key: job.spki, format: 'der', type: 'spki' });
    const good = signatures.filter((signature, index) => verify('sha256', messages[index]!, key, signature));
    t.equal(good.length, 1000, keyType);
    t.equal(signatures.length, 1000);
  }
});

t.test('64 jobs at once each get their own signatures', async (t) => {
  const jobs = await Promise.all(keyTypes.map((keyType) => makeJob(token, keyType)));
  const all = await Promise.all(
    Array.from({ length: 64 }, async (_, index) => {
      const job = { ...jobs[index % 2]!, digests: digests(1 + (index % 40)) };
      return { job, signatures: await token.sign(job) };
    }),
  );
  for (const { job, signatures } of all) {
    const matches = createVerifier(job.keyType, job.spki);
    const good = signatures.filter((signature, index) => matches('SHA-256', job.digests[index]!, signature));
    t.equal(good.length, job.digests.length);
  }
});

t.test('a long job does not hold up a short one that comes after it', async (t) => {
  const single = await startToken({ ...config, workers: 1 }, pin(), events);
  t.teardown(() => single.stop());
  const job = await makeJob(token, 'RSA-2048');
  const finished: string[] = [];
  const long = single.sign({ ...job, digests: digests(1000) }).then(() => finished.push('long'));
  const short = single.sign({ ...job, digests: digests(1) }).then(() => finished.push('short'));
  const code = single.hmac({ label: 'pepper-1', data: Buffer.from('x') }).then(() => finished.push('hmac'));
  await Promise.all([long, short, code]);
  t.same(finished, ['short', 'hmac', 'long']);
});

t.test('resident keys: codes, signatures, public keys', async (t) => {
  const data = Buffer.from('data');
  t.same(await token.hmac({ label: 'pepper-1', data }), await token.hmac({ label: 'pepper-1', data }));
  t.equal((await token.hmac({ label: 'pepper-1', data })).length, 32);
  t.same(await token.publicKey({ label: 'log' }), { keyType: 'EC-P256', spki: spki.log });
  const job = { label: 'log', keyType: 'EC-P256' as const, spki: spki.log!, digest: 'SHA-256' as const };
  const wanted = digests(70);
  const signatures = await token.signResident({ ...job, digests: wanted });
  const matches = createVerifier('EC-P256', spki.log!);
  t.ok(signatures.every((signature, index) => matches('SHA-256', wanted[index]!, signature)));
  t.equal(signatures.length, 70);
  await t.rejects(token.publicKey({ label: 'nobody' }), refused('internal'));
});

t.test('what is refused is refused by name, and costs no worker', async (t) => {
  const before = workerPids();
  const [job, other] = [await makeJob(token, 'EC-P256'), await makeJob(token, 'EC-P256')];
  const after = workerPids();
  for (const length of [0, 20, 33, 48]) {
    const request = { ...job, digests: [...digests(2), Buffer.alloc(length)] };
    await t.rejects(token.sign(request), refused('internal'), `S25: a digest of ${length} bytes`);
  }
  const swapped = { ...job, spki: other.spki, digests: digests(1) };
  await t.rejects(token.sign(swapped), refused('integrity'), 'S11: a blob under another public key');
  const wrapped = Buffer.from(job.wrapped);
  wrapped[20]! ^= 1;
  await t.rejects(token.sign({ ...job, wrapped, digests: digests(100) }), refused('integrity'), 'a forged blob');
  await t.rejects(token.generateKeyPair({ keyType: 'EC-P256', kek: 'nobody' }), refused('internal'));
  t.same(await token.sign({ ...job, digests: [] }), []);
  t.equal((await token.sign({ ...job, digests: digests(1) })).length, 1);
  t.same(workerPids(), after);
  t.ok(before.every((pid) => after.includes(pid)));
  t.same(token.status(), { ready: true, workers: 2 });
});

t.test('S49: only the workers map the PKCS#11 library', async (t) => {
  await makeJob(token, 'EC-P256');
  const maps = (pid: number | 'self') => readFileSync(`/proc/${pid}/maps`, 'utf8');
  t.notMatch(maps('self'), /softhsm|softokn|pkcs11/);
  t.equal(workerPids().length, 3, 'two that sign and one that generates keys');
  for (const pid of workerPids()) t.ok(maps(pid).includes(basename(config.module)));
});

t.test('S55: a worker has no PIN in its arguments or environment, and not our environment', async (t) => {
  for (const pid of workerPids()) {
    const [line, environment] = ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8'));
    t.notMatch(line, pin().toString());
    const names = environment!
      .split('\0')
      .filter(Boolean)
      .map((entry) => entry.split('=')[0]);
    for (const name of Object.keys(config.environment)) t.ok(names.includes(name), name);
    t.notOk(names.includes('PATH'));
  }
});

t.test('stop ends the workers, fails what is under way, and wipes the PIN', async (t) => {
  const before = workerPids();
  const held = pin();
  const second = await startToken(config, held, events);
  const job = await makeJob(second, 'RSA-2048');
  const own = workerPids().filter((pid) => !before.includes(pid));
  t.equal(own.length, 3);
  const underWay = t.rejects(second.sign({ ...job, digests: digests(1000) }), refused('tokenUnavailable'));
  await second.stop();
  await underWay;
  t.ok(own.every((pid) => !existsSync(`/proc/${pid}`)));
  t.same(held, Buffer.alloc(held.length));
  t.same(second.status(), { ready: false, workers: 0 });
  await t.rejects(second.sign({ ...job, digests: digests(1) }), refused('tokenUnavailable'));
  await t.rejects(second.generateKeyPair({ keyType: 'EC-P256', kek }), refused('tokenUnavailable'));
  await second.stop();
});
