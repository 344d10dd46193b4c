import pkcs11, { type Handle } from 'pkcs11js';
import t, { type Test } from 'tap';
import type { KeyTypeName } from '../../src/crypto/algorithms.ts';
import { generateKeyPair } from '../../src/hsm/key-pair.ts';
import { closeSession, openSession } from '../../src/hsm/module.ts';
import { findKey } from '../../src/hsm/objects.ts';
import { hmac } from '../../src/hsm/resident-keys.ts';
import { signWrapped } from '../../src/hsm/subscriber-keys.ts';
import { refused } from '../helpers/refused.ts';
import { onEachProvider } from '../helpers/tokens.ts';
import { attach, digests, refusalOf, replace, subscriberKeyTypes } from './attached.ts';

const provider = onEachProvider(t, import.meta);
const { attribute, generate, kek, session, unwrap, wrapping } = await attach(t, provider);
const { module, handle } = session;

/** What this module does not enforce of what we ask for: known, shown by `kyso hsm probe`, and documented. */
const { changed, copied, otherMechanism, wrappedAgain, keepsLists, unwrapsWithMore } = {
  SoftHSM: {
    ...{ changed: '0x1b', copied: '0x1b', otherMechanism: '0x70', wrappedAgain: '0x6a' },
    ...{ keepsLists: true, unwrapsWithMore: { 'EC-P256': [] as string[], 'RSA-2048': [] as string[] } },
  },
  NSS: {
    ...{ changed: '0x10', copied: 'allowed', otherMechanism: 'allowed', wrappedAgain: 'allowed' },
    ...{
      keepsLists: false,
      unwrapsWithMore: {
        'EC-P256': ['CKA_SIGN_RECOVER', 'CKA_DERIVE'],
        'RSA-2048': ['CKA_SIGN_RECOVER', 'CKA_DECRYPT', 'CKA_UNWRAP'],
      },
    },
  },
}[provider.name];

/** The answer to `call` on a session of its own, since one that was allowed has begun an operation there. */
function answerTo(call: (own: Handle) => unknown): string {
  const own = openSession(session);
  try {
    return refusalOf(() => call(own.handle));
  } finally {
    closeSession(own);
  }
}

const mechanismOf = (keyType: KeyTypeName) => (keyType.startsWith('EC') ? pkcs11.CKM_ECDSA : pkcs11.CKM_RSA_PKCS);
const no = '00';
const yes = '01';

/** S5, for a private key that is kept in the token or was unwrapped into it to sign by `mechanism`. */
function expectedOfPrivateKey(
  keyType: KeyTypeName,
  isTokenObject: string,
  mechanism = mechanismOf(keyType),
): [string, number, string][] {
  const allowed = Buffer.alloc(8);
  allowed.writeUInt32LE(mechanism);
  const rows: [string, number, string][] = [
    ['CKA_TOKEN', pkcs11.CKA_TOKEN, isTokenObject],
    ['CKA_PRIVATE', pkcs11.CKA_PRIVATE, yes],
    ['CKA_SENSITIVE', pkcs11.CKA_SENSITIVE, yes],
    ['CKA_EXTRACTABLE', pkcs11.CKA_EXTRACTABLE, no],
    ['CKA_MODIFIABLE', pkcs11.CKA_MODIFIABLE, no],
    ['CKA_COPYABLE', pkcs11.CKA_COPYABLE, no],
    ['CKA_SIGN', pkcs11.CKA_SIGN, yes],
    ['CKA_SIGN_RECOVER', pkcs11.CKA_SIGN_RECOVER, no],
    ['CKA_DECRYPT', pkcs11.CKA_DECRYPT, no],
    ['CKA_UNWRAP', pkcs11.CKA_UNWRAP, no],
    ['CKA_DERIVE', pkcs11.CKA_DERIVE, no],
    ['CKA_ALLOWED_MECHANISMS', pkcs11.CKA_ALLOWED_MECHANISMS, allowed.toString('hex')],
  ];
  if (isTokenObject === yes) return keepsLists ? rows : rows.filter(([name]) => !notKept.includes(name));
  const more: string[] = unwrapsWithMore[keyType as 'EC-P256' | 'RSA-2048'];
  return rows.map(([name, type, value]) => [name, type, more.includes(name) ? yes : value]);
}

const notKept = ['CKA_ALLOWED_MECHANISMS', 'CKA_COPYABLE'];

const secretPart = (keyType: KeyTypeName) => (keyType === 'EC-P256' ? pkcs11.CKA_VALUE : pkcs11.CKA_PRIVATE_EXPONENT);

function refusesEverythingButSigning(t: Test, key: Handle, keyType: KeyTypeName): void {
  const raw = keyType === 'EC-P256' ? pkcs11.CKM_ECDSA_SHA1 : pkcs11.CKM_RSA_X_509;
  const set = (type: number, value: boolean) => () => module.C_SetAttributeValue(handle, key, [{ type, value }]);
  const kept = attribute(key, pkcs11.CKA_TOKEN) === yes;
  t.equal(
    refusalOf(() => attribute(key, secretPart(keyType))),
    '0x11',
    'its secret is not read',
  );
  const wrapAgain = answerTo((own) => module.C_WrapKey(own, wrapping, kek, key, Buffer.alloc(4096)));
  t.equal(wrapAgain, wrappedAgain, 'it does not leave the token, wrapped or not');
  t.equal(refusalOf(set(pkcs11.CKA_EXTRACTABLE, true)), changed, 'it does not become extractable');
  t.equal(refusalOf(set(pkcs11.CKA_SENSITIVE, false)), changed, 'it does not become insensitive');
  t.equal(refusalOf(set(pkcs11.CKA_DECRYPT, true)), changed, 'it gets no other purpose');
  const copy = [{ type: pkcs11.CKA_TOKEN, value: false }];
  t.equal(
    answerTo((own) => module.C_CopyObject(own, key, copy)),
    copied,
    'it is not copied',
  );
  const asCopy = [...copy, { type: pkcs11.CKA_SENSITIVE, value: false }];
  t.not(
    answerTo((own) => module.C_CopyObject(own, key, asCopy)),
    'allowed',
    'nor is a copy insensitive',
  );
  t.equal(
    answerTo((own) => module.C_SignInit(own, { mechanism: raw }, key)),
    otherMechanism,
    'no other mechanism',
  );
  const decrypts = answerTo((own) => module.C_DecryptInit(own, { mechanism: pkcs11.CKM_RSA_PKCS }, key));
  const mayDecrypt = !kept && unwrapsWithMore[keyType as 'EC-P256' | 'RSA-2048'].includes('CKA_DECRYPT');
  t.equal(decrypts === 'allowed', mayDecrypt, 'it does not decrypt');
}

t.test('S5: an unwrapped subscriber key signs by its mechanism and does nothing else', async (t) => {
  for (const keyType of subscriberKeyTypes) {
    const key = unwrap(keyType, generate(keyType));
    for (const [name, type, value] of expectedOfPrivateKey(keyType, no)) t.equal(attribute(key, type), value, name);
    refusesEverythingButSigning(t, key, keyType);
    module.C_DestroyObject(handle, key);
  }
});

t.test(
  'S5: a key is unwrapped for the mechanism of the job: PKCS#1 v1.5 does not sign PSS, nor the reverse',
  async (t) => {
    const made = generate('RSA-2048');
    const parameter = {
      type: pkcs11.CK_PARAMS_RSA_PSS,
      hashAlg: pkcs11.CKM_SHA256,
      mgf: pkcs11.CKG_MGF1_SHA256,
      saltLen: 32,
    };
    const pss = { mechanism: pkcs11.CKM_RSA_PKCS_PSS, parameter };
    const pkcs1 = { mechanism: pkcs11.CKM_RSA_PKCS };
    for (const [own, other] of [
      [pss, pkcs1],
      [pkcs1, pss],
    ] as const) {
      const key = unwrap('RSA-2048', made, own.mechanism);
      for (const [name, type, value] of expectedOfPrivateKey('RSA-2048', no, own.mechanism)) {
        t.equal(attribute(key, type), value, name);
      }
      t.equal(
        answerTo((own) => module.C_SignInit(own, other, key)),
        otherMechanism,
      );
      refusesEverythingButSigning(t, key, 'RSA-2048');
      module.C_SignInit(handle, own, key);
      module.C_Sign(handle, Buffer.alloc(32, 1), Buffer.alloc(256));
      module.C_DestroyObject(handle, key);
    }
  },
);

t.test('S5: what signs is unwrapped by one mechanism, that of its job', async (t) => {
  const key = { keyType: 'RSA-2048' as const, kek: 'kek-1', ...generate('RSA-2048'), digest: 'SHA-256' as const };
  const lists: string[] = [];
  const restore = replace(module, 'C_UnwrapKey', (original, args) => {
    const unwrapped = original(...args) as Handle;
    lists.push(attribute(unwrapped, pkcs11.CKA_ALLOWED_MECHANISMS));
    return unwrapped;
  });
  signWrapped(session, { ...key, digests: digests(1) });
  signWrapped(session, { ...key, pss: { mgfDigest: 'SHA-256', saltLength: 32 }, digests: digests(1) });
  restore();
  t.same(lists, ['0100000000000000', '0d00000000000000']);
});

t.test('S5: a key that is being generated is sensitive, and extractable only to be wrapped', async (t) => {
  for (const keyType of subscriberKeyTypes) {
    const { privateKey, publicKey } = generateKeyPair(session, keyType, 'session', true);
    for (const [name, type, value] of expectedOfPrivateKey(keyType, no)) {
      const asked = unwrapsWithMore[keyType as 'EC-P256'].includes(name) ? no : value;
      t.equal(attribute(privateKey, type), name === 'CKA_EXTRACTABLE' ? yes : asked, name);
    }
    t.equal(
      refusalOf(() => attribute(privateKey, secretPart(keyType))),
      '0x11',
    );
    t.equal(attribute(publicKey, pkcs11.CKA_MODIFIABLE), no);
    for (const type of [pkcs11.CKA_ENCRYPT, pkcs11.CKA_WRAP]) t.equal(attribute(publicKey, type), no);
    for (const key of [privateKey, publicKey]) module.C_DestroyObject(handle, key);
  }
});

t.test('S5: resident signing keys never leave the token and only sign', async (t) => {
  for (const [label, keyType] of [
    ['log', 'EC-P256'],
    ['root', 'RSA-3072'],
  ] as const) {
    const key = findKey(session, 'private', label);
    for (const [name, type, value] of expectedOfPrivateKey(keyType, yes)) t.equal(attribute(key, type), value, name);
    t.equal(attribute(key, pkcs11.CKA_NEVER_EXTRACTABLE), yes);
    refusesEverythingButSigning(t, key, keyType);
  }
});

t.test('S5: a KEK wraps and unwraps by key wrapping and nothing else', async (t) => {
  for (const [type, value] of [
    [pkcs11.CKA_TOKEN, yes],
    [pkcs11.CKA_PRIVATE, yes],
    [pkcs11.CKA_SENSITIVE, yes],
    [pkcs11.CKA_EXTRACTABLE, no],
    [pkcs11.CKA_NEVER_EXTRACTABLE, yes],
    [pkcs11.CKA_MODIFIABLE, no],
    [pkcs11.CKA_WRAP, yes],
    [pkcs11.CKA_UNWRAP, yes],
    [pkcs11.CKA_ENCRYPT, no],
    [pkcs11.CKA_DECRYPT, no],
    [pkcs11.CKA_SIGN, no],
    [pkcs11.CKA_DERIVE, no],
    ...(keepsLists
      ? ([
          [pkcs11.CKA_COPYABLE, no],
          [pkcs11.CKA_ALLOWED_MECHANISMS, '0a210000000000000b21000000000000'],
        ] as const)
      : []),
  ] as const) {
    t.equal(attribute(kek, type), value, `attribute 0x${type.toString(16)}`);
  }
  t.equal(attribute(kek, pkcs11.CKA_VALUE_LEN), '2000000000000000');
  t.equal(
    refusalOf(() => attribute(kek, pkcs11.CKA_VALUE)),
    '0x11',
  );
  const { wrapped } = generate('RSA-2048');
  const asCiphertext = { mechanism: pkcs11.CKM_AES_ECB };
  const wrongPurpose = ['0x63', '0x68']; // SoftHSM says CKR_KEY_FUNCTION_NOT_PERMITTED, NSS CKR_KEY_TYPE_INCONSISTENT
  t.ok(wrongPurpose.includes(answerTo((own) => module.C_DecryptInit(own, asCiphertext, kek))), 'it decrypts nothing');
  t.ok(wrongPurpose.includes(answerTo((own) => module.C_EncryptInit(own, asCiphertext, kek))), 'it encrypts nothing');
  t.not(
    answerTo((own) => module.C_UnwrapKey(own, { mechanism: 0x2109 }, kek, wrapped, [])),
    'allowed',
  );
});

t.test('S5: an HMAC key makes codes and is never read', async (t) => {
  const key = findKey(session, 'secret', 'pepper-1');
  for (const type of [pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_MODIFIABLE, pkcs11.CKA_VERIFY, pkcs11.CKA_WRAP]) {
    t.equal(attribute(key, type), no);
  }
  for (const type of [pkcs11.CKA_SENSITIVE, pkcs11.CKA_PRIVATE, pkcs11.CKA_NEVER_EXTRACTABLE]) {
    t.equal(attribute(key, type), yes);
  }
  t.equal(
    refusalOf(() => attribute(key, pkcs11.CKA_VALUE)),
    '0x11',
  );
  const other = { mechanism: pkcs11.CKM_SHA512_HMAC };
  t.equal(
    answerTo((own) => module.C_SignInit(own, other, key)),
    otherMechanism,
  );
  t.same(hmac(session, 'pepper-1', Buffer.from('a')), hmac(session, 'pepper-1', Buffer.from('a')));
  t.notSame(hmac(session, 'pepper-1', Buffer.from('a')), hmac(session, 'pepper-1', Buffer.from('b')));
  t.throws(() => hmac(session, 'pepper-1', Buffer.alloc(0)), refused('internal'));
  t.equal(hmac(session, 'pepper-1', Buffer.from('a')).length, 32, 'the session is not spoiled');
});
