import { createPublicKey } from 'node:crypto';
import t from 'tap';
import { createVerifier } from '../../src/crypto/verify.ts';
import { generateKeyPair } from '../../src/hsm/key-pair.ts';
import { findKey } from '../../src/hsm/objects.ts';
import { createPerformer } from '../../src/hsm/performer.ts';
import { createResidentKey, residentPublicKey, signResident } from '../../src/hsm/resident-keys.ts';
import { signWrapped } from '../../src/hsm/subscriber-keys.ts';
import { refused } from '../helpers/refused.ts';
import { onEachProvider } from '../helpers/tokens.ts';
import { attach, digests, subscriberKeyTypes } from './attached.ts';

const { capabilities, countObjects, generate, session, slot, token } = await attach(t, onEachProvider(t, import.meta));

t.test('a label is used once, and a key is found by exactly one label', async (t) => {
  for (const label of ['kek-1', 'log']) {
    for (const kind of ['AES-256-KEK', 'EC-P256'] as const) {
      t.throws(() => createResidentKey(session, { label, kind }), refused('configuration'));
    }
  }
  t.throws(() => findKey(session, 'private', 'kek-1'), refused('internal'), 'the label of another kind of key');
  t.throws(() => findKey(session, 'secret', 'kek'), refused('internal'), 'the beginning of a label');
  for (let copy = 0; copy < 2; copy++)
    generateKeyPair(session, 'EC-P256', { label: 'twin', id: Buffer.of(copy) }, false);
  t.throws(() => findKey(session, 'private', 'twin'), refused('internal'), 'two keys of one label');
});

t.test('resident keys sign, each signature verified; their public keys are read back', async (t) => {
  for (const [label, keyType] of [
    ['log', 'EC-P256'],
    ['root', 'RSA-3072'],
  ] as const) {
    const spki = token.spki[label]!;
    t.same(residentPublicKey(session, label), { keyType, spki });
    const [digest] = digests(1, 48);
    const job = { label, keyType, spki, digest: 'SHA-384' as const, digests: [digest!] };
    const [signature] = signResident(session, job);
    t.ok(createVerifier(keyType, spki)('SHA-384', digest!, signature!));
  }
  const stranger = generate('EC-P256').spki;
  const job = { label: 'log', keyType: 'EC-P256' as const, spki: stranger, digest: 'SHA-256' as const };
  t.throws(() => signResident(session, { ...job, digests: digests(1) }), refused('integrity'));
});

t.test('S11: a blob under another public key, of another KEK, or tampered with is an integrity error', async (t) => {
  createResidentKey(session, { label: 'kek-2', kind: 'AES-256-KEK' });
  for (const keyType of subscriberKeyTypes) {
    const [own, other] = [generate(keyType), generate(keyType)];
    const job = { keyType, kek: 'kek-1', ...own, digest: 'SHA-256' as const, digests: digests(2) };
    t.equal(signWrapped(session, job).length, 2);
    t.throws(() => signWrapped(session, { ...job, spki: other.spki }), refused('integrity'), 'swapped');
    t.throws(() => signWrapped(session, { ...job, kek: 'kek-2' }), refused('integrity'), 'other KEK');
    t.throws(() => signWrapped(session, { ...job, mechanism: 'CKM_AES_ECB' }), refused('integrity'), 'other mechanism');
    for (const at of [0, 8, own.wrapped.length - 1]) {
      const wrapped = Buffer.from(own.wrapped);
      wrapped[at]! ^= 1;
      t.throws(() => signWrapped(session, { ...job, wrapped }), refused('integrity'), `byte ${at} changed`);
    }
    for (const wrapped of [Buffer.alloc(0), own.wrapped.subarray(8), own.wrapped.subarray(0, -8)]) {
      t.throws(() => signWrapped(session, { ...job, wrapped }), refused('integrity'), `cut to ${wrapped.length}`);
    }
    t.equal(signWrapped(session, job).length, 2, 'the session still works');
  }
});

t.test('keys leave nothing in the token: as many objects after 200 signatures and 20 keys as before', async (t) => {
  const jobs = subscriberKeyTypes.map((keyType) => ({
    ...{ keyType, kek: 'kek-1', ...generate(keyType), digest: 'SHA-256' as const, digests: digests(1) },
  }));
  const before = countObjects();
  for (let round = 0; round < 100; round++) for (const job of jobs) signWrapped(session, job);
  for (let round = 0; round < 10; round++) for (const { keyType } of jobs) generate(keyType);
  for (const job of jobs) {
    const wrong = { ...job, spki: jobs.find((other) => other !== job)!.spki };
    t.throws(() => signWrapped(session, wrong), refused('integrity'));
    t.throws(() => signWrapped(session, { ...job, wrapped: Buffer.alloc(80) }), refused('integrity'));
  }
  t.equal(countObjects(), before);
});

t.test('S25, S50: a digest of a wrong length is refused before the token is touched', async (t) => {
  const perform = createPerformer(slot, capabilities);
  const key = generate('RSA-2048');
  const request = { keyType: 'RSA-2048' as const, kek: 'kek-1', ...key, digest: 'SHA-256' as const };
  for (const length of [0, 1, 20, 31, 33, 48, 64, 245]) {
    const answer = perform({
      operation: 'sign',
      request: { ...request, digests: [...digests(2), Buffer.alloc(length)] },
    });
    t.match(answer, { is: 'failed', kind: 'internal' }, `${length} bytes`);
    const resident = { label: 'log', keyType: 'EC-P256' as const, spki: token.spki.log!, digest: 'SHA-256' as const };
    const second = perform({ operation: 'signResident', request: { ...resident, digests: [Buffer.alloc(length)] } });
    t.match(second, { is: 'failed', kind: 'internal' }, `${length} bytes, resident`);
    t.equal(perform({ operation: 'sign', request: { ...request, digests: digests(1) } }).is, 'done');
  }
});

t.test('the keys are what they are called: RSA-2048 with exponent 65537, EC-P256', async (t) => {
  const read = (spki: Buffer) => createPublicKey({ key: spki, format: 'der', type: 'spki' }).asymmetricKeyDetails;
  t.match(read(generate('RSA-2048').spki), { publicExponent: 65537n, modulusLength: 2048 });
  t.match(read(generate('EC-P256').spki), { namedCurve: 'prime256v1' });
});

t.test('S25: digests longer than the curve are cut to it, and SHA-384 and SHA-512 signatures verify', async (t) => {
  for (const keyType of subscriberKeyTypes) {
    const key = generate(keyType);
    for (const [digest, length] of [
      ['SHA-384', 48],
      ['SHA-512', 64],
    ] as const) {
      const job = { keyType, kek: 'kek-1', ...key, digest, digests: digests(3, length) };
      const verify = createVerifier(keyType, key.spki);
      for (const [index, signature] of signWrapped(session, job).entries()) {
        t.ok(verify(digest, job.digests[index]!, signature), `${keyType} ${digest}`);
      }
    }
  }
});
