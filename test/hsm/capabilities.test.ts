import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { signAlgosOf } from '../../src/crypto/algorithms.ts';
import { type Capabilities, opens, servedAlgos, serves } from '../../src/hsm/capabilities.ts';
import { startToken } from '../../src/hsm/pool.ts';
import { makeSoftHsmToken } from '../helpers/softhsm.ts';
import { until, workerPids } from './workers.ts';

const softHsm = await makeSoftHsmToken(t);
const pss = '1.2.840.113549.1.1.10';
const pssScheme = { digest: 'SHA-256', pss: { mgfDigest: 'SHA-256', saltLength: 32 } } as const;
const events = { onPinRefused: () => t.fail('the PIN was refused') };

t.test('before a worker is up, the table is answered', async (t) => {
  const token = await startToken({ ...softHsm.config, label: 'nobody' }, softHsm.pin(), events);
  t.teardown(() => token.stop());
  t.notOk(token.status().ready);
  for (const keyType of ['RSA-2048', 'EC-P521'] as const) t.same(token.signAlgos(keyType), signAlgosOf(keyType));
  t.ok(token.serves('RSA-2048', pssScheme));
});

t.test('S56: a token without CKM_RSA_PKCS_PSS omits it from key.algo, until a worker finds it there', async (t) => {
  const { SOFTHSM2_CONF } = softHsm.config.environment;
  const usual = readFileSync(SOFTHSM2_CONF!, 'utf8');
  // SoftHSM 2.6.1 hides all of such a list but its first.
  writeFileSync(SOFTHSM2_CONF!, `${usual}slots.mechanisms = -CKM_MD5,CKM_RSA_PKCS_PSS\n`);
  const token = await startToken({ ...softHsm.config, workers: 1 }, softHsm.pin(), events);
  t.teardown(() => token.stop());
  t.ok(token.status().ready);
  const withoutPss = signAlgosOf('RSA-2048').filter((oid) => oid !== pss);
  t.equal(withoutPss.length, 4);
  for (const keyType of ['RSA-2048', 'RSA-3072', 'RSA-4096'] as const) t.same(token.signAlgos(keyType), withoutPss);
  for (const keyType of ['EC-P256', 'EC-P521'] as const) t.same(token.signAlgos(keyType), signAlgosOf(keyType));
  t.notOk(token.serves('RSA-2048', pssScheme));
  t.ok(token.serves('RSA-2048', { digest: 'SHA-256' }));

  writeFileSync(SOFTHSM2_CONF!, usual);
  for (const pid of workerPids()) process.kill(pid, 'SIGKILL');
  await until(() => token.signAlgos('RSA-2048').includes(pss));
  t.ok(token.serves('RSA-2048', pssScheme));
});

t.test('what a token serves follows from its curves and from what it takes of PSS', async (t) => {
  const able: Capabilities = {
    ...{ custody: 'CKM_AES_KEY_WRAP_KWP', unwraps: ['CKM_AES_KEY_WRAP_KWP'], keyTypes: ['RSA-2048', 'EC-P256'] },
    ...{ pss: 'anyDigest' },
  };
  const mixed = { digest: 'SHA-256', pss: { mgfDigest: 'SHA-512', saltLength: 0 } } as const;
  const answers = (change: Partial<Capabilities>) => {
    const capabilities = { ...able, ...change };
    return [
      servedAlgos(capabilities, 'RSA-2048').includes(pss),
      serves(capabilities, 'RSA-2048', pssScheme),
      serves(capabilities, 'RSA-2048', mixed),
    ];
  };
  t.same(answers({}), [true, true, true]);
  t.same(answers({ pss: 'sameDigest' }), [true, true, false]);
  t.same(answers({ pss: 'none' }), [false, false, false]);
  t.same(answers({ keyTypes: ['EC-P256'] }), [false, false, false]);
  t.same(servedAlgos(able, 'EC-P384'), []);
  t.ok(opens(able, 'EC-P256', 'CKM_AES_KEY_WRAP_KWP'));
  t.ok(opens(able, 'EC-P256', 'resident'));
  for (const mechanism of ['CKM_AES_KEY_WRAP_PAD', 'toString', '']) t.notOk(opens(able, 'EC-P256', mechanism));
  for (const mechanism of ['CKM_AES_KEY_WRAP_KWP', 'resident']) t.notOk(opens(able, 'EC-P384', mechanism));
  t.notOk(serves(able, 'EC-P384', { digest: 'SHA-256' }));
});
