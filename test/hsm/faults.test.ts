import pkcs11 from 'pkcs11js';
import t from 'tap';
import {
  digests as algorithms,
  type DigestName,
  type KeyTypeName,
  keyTypes,
  signAlgosOf,
} from '../../src/crypto/algorithms.ts';
import { derOid } from '../../src/crypto/der.ts';
import { servedAlgos } from '../../src/hsm/capabilities.ts';
import { generateKeyPair } from '../../src/hsm/key-pair.ts';
import { closeSession, findSlot, login, openSession } from '../../src/hsm/module.ts';
import { createPerformer } from '../../src/hsm/performer.ts';
import { probe, selfTest } from '../../src/hsm/probe.ts';
import { signWrapped } from '../../src/hsm/subscriber-keys.ts';
import { refused } from '../helpers/refused.ts';
import { attach, digests, replace, subscriberKeyTypes } from './attached.ts';

// What the token does wrong here is put into the calls of the loaded module.
const { capabilities, countObjects, generate, session, slot, token } = await attach(t);
const { module, handle } = session;

/** Lets the token get the result of the nth C_Sign wrong. */
function spoilSignature(nth: number) {
  let calls = 0;
  const restore = replace(module, 'C_Sign', (original, args) => {
    const signature = original(...args) as Buffer;
    if (++calls === nth) signature[20]! ^= 0x10;
    return signature;
  });
  return { restore, calls: () => calls };
}

t.test('S12, S14: of a batch in which the token got one signature wrong, none is released', async (t) => {
  for (const keyType of subscriberKeyTypes) {
    const key = generate(keyType);
    const job = { keyType, kek: 'kek-1', ...key, digest: 'SHA-256' as const, digests: digests(5) };
    const { restore, calls } = spoilSignature(4);
    t.throws(() => signWrapped(session, job), refused('integrity'));
    restore();
    t.equal(calls(), 4);
  }
});

t.test('S53: a pair whose wrapped half does not sign for its public half is not handed out', async (t) => {
  const stranger = generateKeyPair(session, 'EC-P256', 'session', true);
  const restore = replace(module, 'C_WrapKey', (original, [s, mechanism, wrapping, , room]) =>
    original(s, mechanism, wrapping, stranger.privateKey, room),
  );
  t.throws(() => generate('EC-P256'), refused('integrity'));
  restore();
  for (const key of [stranger.privateKey, stranger.publicKey]) module.C_DestroyObject(handle, key);
});

t.test(
  'S54: the self-test leaves nothing behind, and fails when the token computes a basic result wrongly',
  async (t) => {
    const before = countObjects();
    const offered = probe(slot);
    t.same(
      selfTest(slot, offered),
      { ...offered, pss: 'sameDigest' },
      'all that SoftHSM says but PSS with mixed digests',
    );
    for (const [nth, what] of [
      [1, 'EC-P256'],
      [2, 'PKCS#1 v1.5'],
      [6, 'HMAC'],
    ] as const) {
      const { restore } = spoilSignature(nth);
      t.throws(() => selfTest(slot, offered), refused('integrity'), what);
      restore();
    }
    t.equal(countObjects(), before);
  },
);

t.test('S54: PSS or a curve that gives a wrong result, or none, is left out, and the token starts', async (t) => {
  const before = countObjects();
  const offered = probe(slot);
  const all = offered.keyTypes;
  for (const [nth, expected] of [
    [3, { pss: 'none', keyTypes: all }],
    [4, { pss: 'sameDigest', keyTypes: all.filter((name) => name !== 'EC-P384') }],
    [5, { pss: 'sameDigest', keyTypes: all.filter((name) => name !== 'EC-P521') }],
  ] as const) {
    const { restore } = spoilSignature(nth);
    t.match(selfTest(slot, offered), expected, `the result of signing call ${nth} is wrong`);
    restore();
  }
  const withoutCurve = replace(module, 'C_GenerateKeyPair', (original, args) => {
    const [, , publicTemplate] = args as [unknown, unknown, { value: unknown }[]];
    const asked = publicTemplate.some(({ value }) => Buffer.isBuffer(value) && value.equals(derOid('1.3.132.0.35')));
    if (asked) throw new Error('CKR_CURVE_NOT_SUPPORTED:320');
    return original(...args);
  });
  t.notOk(selfTest(slot, offered).keyTypes.includes('EC-P521'));
  withoutCurve();
  t.equal(countObjects(), before);
});

t.test('S54: a token that is lost during the self-test does not pass for one that can do less', async (t) => {
  const fromCall = 3;
  let calls = 0;
  const restore = replace(module, 'C_Sign', (original, args) => {
    if (++calls >= fromCall) throw new Error('CKR_DEVICE_REMOVED:50');
    return original(...args);
  });
  t.throws(() => selfTest(slot, probe(slot)), /:50/);
  restore();
});

t.test(
  'PSS as the caller wants it is asked with salt and MGF1, and only where the token takes free salts',
  async (t) => {
    const fixedSalt = replace(module, 'C_SignInit', (original, [s, mechanism, key]) => {
      const { parameter } = mechanism as { parameter?: { saltLen: number } };
      return original(
        s,
        parameter ? { ...(mechanism as object), parameter: { ...parameter, saltLen: 32 } } : mechanism,
        key,
      );
    });
    t.equal(selfTest(slot, probe(slot)).pss, 'none', 'a token that takes its own salt length');
    fixedSalt();
    const anyMgf = replace(module, 'C_SignInit', (original, [s, mechanism, key]) => {
      const { parameter } = mechanism as { parameter?: { mgf: number; hashAlg: number } };
      const own = parameter && { ...parameter, mgf: pkcs11.CKG_MGF1_SHA256 };
      return original(s, own ? { ...(mechanism as object), parameter: own } : mechanism, key);
    });
    t.equal(selfTest(slot, probe(slot)).pss, 'sameDigest', 'a token that takes its own MGF1');
    anyMgf();
  },
);

t.test('S56: the probe takes KWP where the token has it; a token that cannot wrap keeps keys', async (t) => {
  t.equal(probe(slot).custody, 'CKM_AES_KEY_WRAP_PAD');
  const others = module.C_GetMechanismList(slot.slot).filter((mechanism) => mechanism !== 0x210a);
  const withMechanisms = (...more: number[]) => replace(module, 'C_GetMechanismList', () => [...others, ...more]);
  const restore = withMechanisms(0x210a, 0x210b);
  t.match(probe(slot), {
    ...{ custody: 'CKM_AES_KEY_WRAP_KWP', unwraps: ['CKM_AES_KEY_WRAP_KWP', 'CKM_AES_KEY_WRAP_PAD'] },
  });
  restore();
  const restoreAgain = withMechanisms();
  t.match(probe(slot), { custody: 'resident', unwraps: [] });
  restoreAgain();
});

t.test('S56: what the token lists bounds what it is used for: PSS, and the size of keys', async (t) => {
  const custody = 'CKM_AES_KEY_WRAP_PAD';
  t.same(probe(slot), { custody, unwraps: [custody], keyTypes: Object.keys(keyTypes), pss: 'anyDigest' });
  const hidden = replace(module, 'C_GetMechanismList', (original, args) =>
    (original(...args) as number[]).filter((mechanism) => mechanism !== pkcs11.CKM_RSA_PKCS_PSS),
  );
  const small = replace(module, 'C_GetMechanismInfo', (_original, [, mechanism]) => ({
    maxKeySize: mechanism === pkcs11.CKM_EC_KEY_PAIR_GEN ? 384 : 3072,
  }));
  const capabilities = selfTest(slot, probe(slot));
  hidden();
  small();
  t.same(capabilities.keyTypes, ['RSA-2048', 'RSA-3072', 'EC-P256', 'EC-P384']);
  t.equal(capabilities.pss, 'none');
  t.same(servedAlgos(capabilities, 'RSA-3072'), signAlgosOf('RSA-3072').slice(0, -1), 'PSS, the last one, is omitted');
  t.same(servedAlgos(capabilities, 'EC-P384'), signAlgosOf('EC-P384'), 'other keys lose nothing');
  t.same(servedAlgos(capabilities, 'EC-P521'), []);

  const perform = createPerformer(slot, capabilities);
  const make = (keyType: KeyTypeName) => perform({ operation: 'generateKeyPair', request: { keyType, kek: 'kek-1' } });
  for (const keyType of ['EC-P521', 'RSA-4096'] as const)
    t.match(make(keyType), { is: 'failed', kind: 'configuration' });
  t.equal(make('EC-P384').is, 'done');
});

t.test('PSS that this token cannot make is refused before the token is touched', async (t) => {
  const perform = createPerformer(slot, capabilities);
  const key = { keyType: 'RSA-2048' as const, kek: 'kek-1', ...generate('RSA-2048') };
  const sign = (mgfDigest: DigestName, saltLength: number, digest: DigestName = 'SHA-256') => {
    const given = digests(1, algorithms[digest].length);
    return perform({ operation: 'sign', request: { ...key, digest, pss: { mgfDigest, saltLength }, digests: given } });
  };
  const untouched = replace(module, 'C_UnwrapKey', () => t.fail('the token was touched'));
  t.match(sign('SHA-384', 32), { is: 'failed', kind: 'signAlgoInvalid' }, 'MGF1 with another digest');
  t.match(sign('SHA-256', 223), { is: 'failed', kind: 'internal' }, 'a salt for which there is no room');
  t.match(sign('SHA-512', 191, 'SHA-512'), { is: 'failed', kind: 'internal' });
  untouched();
  t.equal(sign('SHA-256', 222).is, 'done');
  t.equal(sign('SHA-512', 190, 'SHA-512').is, 'done');
});

t.test('S50: whatever code the token answers, that session is not used again and none is left open', async (t) => {
  const perform = createPerformer(slot, capabilities);
  const key = generate('EC-P256');
  const request = { keyType: 'EC-P256' as const, kek: 'kek-1', ...key, digest: 'SHA-256' as const };
  const sign = () => perform({ operation: 'sign', request: { ...request, digests: digests(1) } });
  let open = 0;
  let failures: string[] = [];
  const failed = new Set<string>();
  const restore = [
    replace(module, 'C_OpenSession', (original, args) => {
      open++;
      return original(...args);
    }),
    replace(module, 'C_CloseSession', (original, args) => {
      open--;
      return original(...args);
    }),
    replace(module, 'C_Sign', (original, args) => {
      const id = (args[0] as Buffer).toString('hex');
      if (failed.has(id)) t.fail('a session that had failed was used again');
      const failure = failures.shift();
      if (failure === undefined) return original(...args);
      failed.add(id);
      throw new Error(failure);
    }),
  ];
  const signWith = (...failing: string[]) => {
    failures = failing;
    const message = sign();
    failures = [];
    return message;
  };

  t.equal(sign().is, 'done');
  for (let code = 1; code <= 0x200; code++) {
    const message = signWith(`CKR_WHATEVER:${code}`);
    t.equal(sign().is, 'done', `good again after 0x${code.toString(16)}, which was: ${message.is}`);
    t.equal(open, 1);
    if (message.is === 'failed' || message.is === 'lost') t.notMatch(message.message, /CKR/);
  }

  t.match(signWith('CKR_WHATEVER:144'), { is: 'done' }, 'CKR_OPERATION_ACTIVE: once more on a fresh session');
  const twice = signWith('CKR_WHATEVER:144', 'CKR_WHATEVER:144');
  t.match(twice, { is: 'lost', kind: 'tokenUnavailable', detail: /:144/ }, 'in vain on a fresh session');
  t.match(signWith('CKR_WHATEVER:48'), { is: 'lost', kind: 'tokenUnavailable' }, 'CKR_DEVICE_ERROR: a new process');
  t.match(signWith('CKR_WHATEVER:113'), { is: 'failed', kind: 'internal' }, 'CKR_MECHANISM_PARAM_INVALID: no use');
  t.match(signWith('something else'), { is: 'failed', kind: 'internal' }, 'an error that is not of PKCS#11');
  for (const undo of restore) undo();
});

t.test('S51: a token that is lost at the unwrapping is not taken for a forged blob', async (t) => {
  const perform = createPerformer(slot, capabilities);
  const key = generate('EC-P256');
  const request = { keyType: 'EC-P256' as const, kek: 'kek-1', ...key, digest: 'SHA-256' as const };
  const sign = () => perform({ operation: 'sign', request: { ...request, digests: digests(1) } });
  const before = countObjects();
  const restore = replace(module, 'C_UnwrapKey', () => {
    throw new Error('CKR_GENERAL_ERROR:5'); // SoftHSM has the same code for both
  });
  t.match(sign(), { is: 'lost', kind: 'tokenUnavailable' });
  restore();
  t.equal(sign().is, 'done');
  t.equal(countObjects(), before);
});

t.test('an object that cannot be destroyed costs the session, not the signature', async (t) => {
  const key = generate('EC-P256');
  const job = { keyType: 'EC-P256' as const, kek: 'kek-1', ...key, digest: 'SHA-256' as const, digests: digests(1) };
  const own = openSession(slot);
  const before = countObjects();
  const restore = replace(module, 'C_DestroyObject', () => {
    throw new Error('CKR_GENERAL_ERROR:5');
  });
  t.equal(signWrapped(own, job).length, 1);
  restore();
  t.ok(own.spoiled);
  t.equal(countObjects(), before + 1);
  closeSession(own);
  t.equal(countObjects(), before, 'closing the session has destroyed it');
});

t.test('login: a second one is a success, CKR_GENERAL_ERROR is tried five times, a refused PIN once', async (t) => {
  await login(session, token.pin().toString());
  const loginWith = async (...codes: number[]) => {
    let calls = 0;
    const restore = replace(module, 'C_Login', () => {
      const code = codes[calls++];
      if (code !== undefined) throw new Error(`CKR_WHATEVER:${code}`);
    });
    const result = await login(session, 'pin').then(
      () => 'done',
      () => 'refused',
    );
    restore();
    return { result, calls };
  };
  t.same(await loginWith(5, 5, 5, 5), { result: 'done', calls: 5 });
  t.same(await loginWith(5, 5, 5, 5, 5, 5), { result: 'refused', calls: 5 });
  t.same(await loginWith(0xa0), { result: 'refused', calls: 1 });
});

t.test('a token is found by exactly its label, and only where one token has it', async (t) => {
  t.same(findSlot(module, 'kyso-test').slot, slot.slot);
  for (const label of ['kyso', 'kyso-test2', '']) t.throws(() => findSlot(module, label), refused('tokenUnavailable'));
  const restore = replace(module, 'C_GetSlotList', () => [slot.slot, slot.slot]);
  t.throws(() => findSlot(module, 'kyso-test'), refused('tokenUnavailable'));
  restore();
});
