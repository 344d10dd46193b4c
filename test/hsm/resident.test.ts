import { randomBytes } from 'node:crypto';
import pkcs11 from 'pkcs11js';
import t from 'tap';
import { type KeyTypeName, keyTypes } from '../../src/crypto/algorithms.ts';
import { createVerifier } from '../../src/crypto/verify.ts';
import { generateResidentPair } from '../../src/hsm/key-pair.ts';
import { findTokenObjects } from '../../src/hsm/objects.ts';
import { createPerformer } from '../../src/hsm/performer.ts';
import { probe, selfTest } from '../../src/hsm/probe.ts';
import type { GeneratedKey } from '../../src/hsm/protocol.ts';
import { onEachProvider } from '../helpers/tokens.ts';
import { attach, digests, refusalOf, replace } from './attached.ts';

// A token that cannot wrap: both modules can, so what they say of it is hidden.
const provider = onEachProvider(t, import.meta);
const { attribute, countObjects, session, slot, capabilities: able, token } = await attach(t, provider);
const { module, handle } = session;
const wrapping = [0x210a, 0x210b];
const shown = replace(module, 'C_GetMechanismList', (original, args) =>
  (original(...args) as number[]).filter((mechanism) => !wrapping.includes(mechanism)),
);
const before = countObjects();
const capabilities = selfTest(slot, probe(slot));
shown();
const perform = createPerformer(slot, capabilities);

function make(keyType: KeyTypeName, name: string): GeneratedKey {
  const made = perform({ operation: 'generateKeyPair', request: { keyType, kek: 'nobody', name } });
  if (made.is !== 'done') throw new Error(made.message);
  return made.answer as GeneratedKey;
}

const names = () => {
  const listed = perform({ operation: 'residentKeys', request: {} });
  return listed.is === 'done' ? (listed.answer as string[]).sort() : listed;
};
const destroy = (name: string) => perform({ operation: 'destroyResident', request: { name } });
const job = (keyType: KeyTypeName, key: GeneratedKey) => ({
  ...{ keyType, kek: 'nobody', ...key, digest: 'SHA-256' as const, digests: digests(3) },
});
const objectOf = (key: GeneratedKey) => findTokenObjects(session, [{ type: pkcs11.CKA_ID, value: key.wrapped }])[0]!;

t.test(
  'S54: the self-test of a token that keeps keys finds what it found with wrapping, and leaves nothing',
  async (t) => {
    t.same(capabilities, { ...able, custody: 'resident', unwraps: [] });
    t.equal(countObjects(), before);
  },
);

t.test('each type of key is kept, found by its id, and signs; PSS too', async (t) => {
  for (const keyType of Object.keys(keyTypes) as KeyTypeName[]) {
    const key = make(keyType, `own ${keyType}`);
    t.equal(key.mechanism, 'resident');
    t.equal(key.wrapped.length, 32);
    const pss = { mgfDigest: 'SHA-256', saltLength: 20 } as const;
    for (const scheme of keyTypes[keyType].family === 'RSA' ? [{}, { pss }] : [{}]) {
      const request = { ...job(keyType, key), ...scheme };
      const signed = perform({ operation: 'sign', request });
      const verify = createVerifier(keyType, key.spki, request.pss);
      const signatures = signed.is === 'done' ? (signed.answer as Buffer[]) : [];
      const good = signatures.filter((signature, index) => verify('SHA-256', request.digests[index]!, signature));
      t.equal(good.length, 3, `${keyType} ${JSON.stringify(scheme)}`);
    }
    t.match(destroy(`own ${keyType}`), { is: 'done', answer: true });
  }
  t.equal(countObjects(), before, 'nothing is left: neither the private half nor the public one');
});

t.test('S5: a kept key is sensitive, never extractable, and changes no more', async (t) => {
  const key = objectOf(make('EC-P256', 'strict'));
  const [no, yes] = ['00', '01'];
  for (const [type, value] of [
    [pkcs11.CKA_TOKEN, yes],
    [pkcs11.CKA_PRIVATE, yes],
    [pkcs11.CKA_SENSITIVE, yes],
    [pkcs11.CKA_EXTRACTABLE, no],
    [pkcs11.CKA_NEVER_EXTRACTABLE, yes],
    [pkcs11.CKA_MODIFIABLE, no],
    [pkcs11.CKA_DECRYPT, no],
    [pkcs11.CKA_DERIVE, no],
  ] as const) {
    t.equal(attribute(key, type), value, `attribute 0x${type.toString(16)}`);
  }
  t.equal(
    refusalOf(() => attribute(key, pkcs11.CKA_VALUE)),
    '0x11',
  );
  for (const change of [
    { type: pkcs11.CKA_ID, value: randomBytes(32) },
    { type: pkcs11.CKA_LABEL, value: 'another' },
  ]) {
    t.not(
      refusalOf(() => module.C_SetAttributeValue(handle, key, [change])),
      'allowed',
    );
  }
  destroy('strict');
});

t.test('S11, S53: another id, another public key, an id that is not there, and one that two keys have', async (t) => {
  const [own, other] = [make('EC-P256', 'own'), make('EC-P256', 'other')];
  t.notSame(own.wrapped, other.wrapped);
  const sign = (change: Partial<GeneratedKey>) =>
    perform({ operation: 'sign', request: { ...job('EC-P256', own), ...change } });
  t.equal(sign({}).is, 'done');
  const refused = { is: 'failed', kind: 'integrity' };
  t.match(sign({ spki: other.spki }), refused, 'swapped');
  t.match(sign({ wrapped: other.wrapped }), refused, "another key's id");
  t.match(sign({ wrapped: randomBytes(32) }), refused, 'an id of nobody');
  for (const length of [0, 16, 31, 33]) t.match(sign({ wrapped: Buffer.alloc(length) }), refused, `${length} bytes`);

  t.match(destroy('other'), { is: 'done', answer: true });
  t.match(sign({ wrapped: other.wrapped }), refused, 'a key that ended');

  const place = { label: 'twin', id: own.wrapped };
  const twin = generateResidentPair(session, 'EC-P256', place, [pkcs11.CKM_ECDSA]);
  // In NSS's database the second object takes the place of the first.
  const message = provider.name === 'NSS' ? /does not verify/ : /several/;
  t.match(sign({}), { ...refused, message }, 'S53: two objects with one id');
  for (const half of [twin.privateKey, twin.publicKey]) module.C_DestroyObject(handle, half);
  t.equal(sign({}).is, provider.name === 'NSS' ? 'failed' : 'done');
  destroy('own');
});

t.test('keys are listed and destroyed by name, and a name is used once', async (t) => {
  const keys = ['b', 'a', 'c'].map((name) => make('EC-P256', name));
  t.same(names(), ['a', 'b', 'c'], "and none of Kyso's own keys");
  t.match(perform({ operation: 'generateKeyPair', request: { keyType: 'EC-P256', kek: 'nobody', name: 'a' } }), {
    ...{ is: 'failed', kind: 'internal' },
  });
  for (const key of keys) t.equal(perform({ operation: 'sign', request: job('EC-P256', key) }).is, 'done');
  t.match(destroy('a'), { is: 'done', answer: true });
  t.match(destroy('a'), { is: 'done', answer: false });
  t.same(names(), ['b', 'c']);
  for (const name of ['b', 'c', 'log', '']) destroy(name);
  t.same(names(), []);
  t.equal(countObjects(), before);
  t.ok(token.spki.log, 'a key of another purpose is not in reach');
});

t.test('S53: a pair that does not sign for its public half is destroyed at once', async (t) => {
  const restore = replace(module, 'C_Sign', (original, args) => {
    const signature = original(...args) as Buffer;
    signature[20]! ^= 1;
    return signature;
  });
  t.match(perform({ operation: 'generateKeyPair', request: { keyType: 'EC-P256', kek: 'x', name: 'bad' } }), {
    ...{ is: 'failed', kind: 'integrity' },
  });
  restore();
  t.same(names(), []);
  t.equal(countObjects(), before);
});

t.test('a wrapped key is no key of a token that cannot unwrap, and the other way round it is', async (t) => {
  const both = createPerformer(slot, able);
  const wrapped = both({ operation: 'generateKeyPair', request: { keyType: 'EC-P256', kek: 'kek-1' } });
  if (wrapped.is !== 'done') throw new Error(wrapped.message);
  const request = { ...job('EC-P256', wrapped.answer as GeneratedKey), kek: 'kek-1' };
  t.equal(both({ operation: 'sign', request }).is, 'done');
  t.match(perform({ operation: 'sign', request }), { is: 'failed', kind: 'keyUnusable' });
  const kept = job('EC-P256', make('EC-P256', 'kept'));
  t.equal(both({ operation: 'sign', request: kept }).is, 'done');
  const withoutEc = createPerformer(slot, { ...able, keyTypes: ['RSA-2048'] });
  t.match(withoutEc({ operation: 'sign', request: kept }), { is: 'failed', kind: 'keyUnusable' });
  destroy('kept');
});
