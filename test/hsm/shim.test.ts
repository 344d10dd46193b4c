import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { startToken } from '../../src/hsm/pool.ts';
import { makeShim } from '../helpers/shim.ts';
import { makeSoftHsmToken } from '../helpers/softhsm.ts';
import { workerPids } from './workers.ts';

// What the tests that use the shim rely on; its faults show there.
const softHsm = await makeSoftHsmToken(t);

t.test('S90: the call log has each signature that was made, by all workers, with what was signed', async (t) => {
  const shim = makeShim(t);
  const config = { ...softHsm.config, module: shim.module };
  const token = await startToken(config, softHsm.pin(), { onPinRefused: () => t.fail() });
  t.teardown(() => token.stop());
  const signers = workerPids();
  for (const keyType of ['EC-P256', 'RSA-2048'] as const) {
    const key = await token.generateKeyPair({ keyType, kek: 'kek-1' });
    const digests = Array.from({ length: 600 }, () => randomBytes(32));
    shim.clearCalls();
    const before = process.hrtime.bigint();
    await token.sign({ ...key, keyType, kek: 'kek-1', digest: 'SHA-256', digests });
    const after = process.hrtime.bigint();
    const made = shim.calls().filter((call) => call.function === 'C_Sign');
    t.same(
      made.map(({ input }) => input!.subarray(-32).toString('hex')).sort(),
      digests.map((digest) => digest.toString('hex')).sort(),
    );
    t.same([...new Set(made.map(({ pid }) => pid))].sort(), signers.sort());
    t.ok(made.every(({ real, result, mechanism }) => real === 0 && result === 0 && mechanism! > 0));
    t.ok(made.every(({ time }) => time > before && time < after));
  }
});

t.test('a control that cannot be read ends who reads it, and says why', async (t) => {
  const load = (...lines: string[]) => {
    const shim = makeShim(t);
    shim.control(...lines);
    const script = `new (require('pkcs11js').PKCS11)('${shim.module}')`;
    const { status, stderr } = spawnSync(process.execPath, ['-e', script], { env: {}, encoding: 'utf8' });
    return status === 70 ? stderr : 'loaded';
  };
  t.equal(load('fail C_Sign 3- 0x30', 'delay C_Sign 1-2 100 # slowly', 'hide 0x210a'), 'loaded');
  t.match(load('fial C_Sign 3- 0x30'), /not a word of the control: fial/);
  t.match(load('fail C_Sign 3-'), /not a number/);
  t.match(load('fail C_Sigm 3 0x30'), /no function: C_Sigm/);
  t.match(load('flip C_SignInit 1'), /flip is for C_Sign/);
  t.match(load('hang C_Sign 1 2'), /too many words/);
});
