import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { keyTypes } from '../../src/crypto/algorithms.ts';
import { inspectToken } from '../../src/hsm/inspection.ts';
import { startToken } from '../../src/hsm/pool.ts';
import { refused } from '../helpers/refused.ts';
import { makeShim } from '../helpers/shim.ts';
import type { TestToken } from '../helpers/softhsm.ts';
import { nss, softHsm } from '../helpers/tokens.ts';
import { workerPids } from './workers.ts';

const all = Object.keys(keyTypes);
const inspect = ({ config, pin }: TestToken, change: object = {}) => {
  const { workers: _, ...address } = config;
  return inspectToken({ ...address, pin: pin(), ...change });
};

t.test('S56: SoftHSM keeps to all that is asked of it, and is called software', async (t) => {
  const token = await softHsm.makeToken(t);
  const files = () => readdirSync(join(token.directory, 'tokens'), { recursive: true, encoding: 'utf8' }).sort();
  const before = files();
  const found = await inspect(token);
  t.match(found, {
    ...{ token: { label: 'kyso-test', model: 'SoftHSM v2' }, software: 'SoftHSM', problem: null },
    ...{ wrapMechanism: 'CKM_AES_KEY_WRAP_PAD', pss: 'sameDigest', random: true, privateHidden: true },
    ...{ sessions: { limit: null, opened: 32 }, residentKeys: 0 },
    mechanisms: { CKM_AES_KEY_WRAP_KWP: false, CKM_AES_KEY_WRAP_PAD: true, CKM_ECDSA: true },
  });
  t.same(found.carries, { wrapped: all, resident: all });
  const rules = ['secretsUnread', 'flagsFixed', 'allowedMechanisms', 'unmodifiable', 'uncopyable'];
  const withWrapping = ['unextractable', 'unwrappedSealed', 'purposes'];
  t.same(found.enforces, Object.fromEntries([...rules, ...withWrapping].map((name) => [name, true])));
  t.same(files(), before, 'nothing is left in the token');
  t.same(workerPids(), []);
});

t.test('S56: what NSS does not enforce is found by trying', async (t) => {
  const token = await nss.makeToken(t);
  const found = await inspect(token);
  t.match(found, { software: 'NSS softokn', wrapMechanism: 'CKM_AES_KEY_WRAP_KWP', pss: 'anyDigest', residentKeys: 0 });
  t.same(found.carries, { wrapped: all, resident: all });
  t.same(found.enforces, {
    ...{ secretsUnread: true, flagsFixed: true, unmodifiable: true },
    ...{ unextractable: false, unwrappedSealed: false, purposes: false, allowedMechanisms: false, uncopyable: false },
  });
  t.same(await inspect(token), found, 'and nothing of the first time was left');
});

t.test('S56: which credentials a token can carry follows from what it offers', async (t) => {
  const token = await softHsm.makeToken(t);
  const shim = makeShim(t);
  const having = (...control: string[]) => {
    shim.control(...control);
    return inspect(token, { module: shim.module });
  };
  const keeping = await having('hide 0x210a', 'hide 0x210b');
  t.match(keeping, { wrapMechanism: null, carries: { wrapped: [], resident: all }, problem: null });
  t.same(
    Object.keys(keeping.enforces).sort(),
    ['allowedMechanisms', 'flagsFixed', 'secretsUnread', 'uncopyable', 'unmodifiable'],
    'what takes wrapping is not tried',
  );
  const none = await having('hide 0x1041');
  t.same(none.carries, { wrapped: [], resident: [] });
  t.match(none.problem, /CKM_ECDSA/);
  t.equal(none.mechanisms.CKM_ECDSA, false);
  const wrong = await having('flip C_Sign 1-');
  t.same(wrong.carries, { wrapped: [], resident: [] }, 'S54: its signatures do not verify');
  t.match(wrong.problem, /./);

  shim.control();
  const worker = await startToken({ ...token.config, module: shim.module }, token.pin(), { onPinRefused: () => {} });
  t.teardown(() => worker.stop());
  t.same(await worker.residentKeys({}), []);
});

t.test('what cannot be probed is named: another PIN, no such token, no such module', async (t) => {
  const token = await softHsm.makeToken(t);
  await t.rejects(inspect(token, { pin: Buffer.from('wrong') }), refused('tokenPinRefused'));
  await t.rejects(inspect(token, { label: 'nobody' }), refused('tokenUnavailable'));
  await t.rejects(inspect(token, { module: '/nowhere.so' }));
  t.same(workerPids(), []);
});
