import { constants, createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import t, { type Test } from 'tap';
import { pssParams } from '../../src/crypto/pss.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { newSigner, readLeaves, signerToken, type TestPerson } from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

const rsassaPss = '1.2.840.113549.1.1.10';
const rsaEncryption = '1.2.840.113549.1.1.1';
const sha256Oid = '2.16.840.1.101.3.4.2.1';

/** RSASSA-PSS-params with SHA-256 and MGF1 with SHA-256, whose salt has this many bytes. */
function withSalt(length: number): string {
  const params = Buffer.from(pssParams('SHA-256'));
  params[params.length - 1] = length;
  return params.toString('base64');
}

/** The same with MGF1 with SHA-384, which SoftHSM 2.6.1 does not do for SHA-256. */
function withOtherMgf(): string {
  const oidOfSha256 = Buffer.from('608648016503040201', 'hex');
  const params = Buffer.from(pssParams('SHA-256'));
  params[params.lastIndexOf(oidOfSha256) + oidOfSha256.length - 1] = 2;
  return params.toString('base64');
}

/** Whether `signature` is RSASSA-PSS over `document` with exactly this salt, as OpenSSL sees it. */
function isPss({ spki }: TestPerson, document: Buffer, signature: Buffer, saltLength: number): boolean {
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  return verify('sha256', document, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature);
}

t.test('how a digest is signed', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    const person = await world.newPerson({ keyType: 'RSA-2048' });
    const document = randomBytes(100);
    return { world, person, document, hash: createHash('sha256').update(document).digest() };
  };

  await rulesOnBothEngines(t, {
    "CSC §6.2: the caller's PSS parameters are those of the signature, and stand in the log": async (t, stores) => {
      const { world, person, document, hash } = await setUp(t, stores);
      const salts = [0, 20, 32, 64];
      const sad = await person.authorize(salts.map(() => hash));
      for (const salt of salts) {
        const [signature] = await person.signHash(sad, [hash], { signAlgo: rsassaPss, signAlgoParams: withSalt(salt) });
        t.ok(isPss(person, document, signature!, salt), `salt of ${salt}`);
        t.notOk(isPss(person, document, signature!, salt + 1));
      }
      const leaves = (await readLeaves(world.store)).filter(
        ({ event, result }) => event === 'sign' && result === 'intended',
      );
      t.same(new Set(leaves.map(({ algorithm }) => algorithm)), new Set([rsassaPss]));
      const details = leaves.map(({ detail }) => detail as { mgfDigest: string; saltLength: number });
      t.same(new Set(details.map(({ mgfDigest }) => mgfDigest)), new Set(['SHA-256']));
      t.same(
        details.map(({ saltLength }) => saltLength).sort((a, b) => a - b),
        salts,
      );
    },

    'CSC §4.11: PSS without parameters, or with ones that do not fit, spends nothing': async (t, stores) => {
      const { world, person, document, hash } = await setUp(t, stores);
      const sad = await person.authorize([hash]);
      const sign = (changes: Parameters<TestPerson['signHash']>[2]) =>
        person.signHash(sad, [hash], { signAlgo: rsassaPss, ...changes });
      await t.rejects(sign({}), refused('signAlgoParamsInvalid'), 'none');
      await t.rejects(sign({ signAlgoParams: 'AAAA' }), refused('signAlgoParamsInvalid'), 'no DER');
      await t.rejects(sign({ signAlgoParams: withOtherMgf() }), refused('signAlgoParamsInvalid'), 'not of this token');
      const sha384 = pssParams('SHA-384').toString('base64');
      await t.rejects(sign({ signAlgoParams: sha384 }), refused('digestLength'), 'for another digest');
      t.same(world.token.signed, []);
      const [signature] = await sign({ signAlgoParams: withSalt(32) });
      t.ok(isPss(person, document, signature!, 32));
    },

    'CSC §4.11: rsaEncryption with hashAlgo is PKCS#1 v1.5, and parameters of PSS do not change that': async (
      t,
      stores,
    ) => {
      const { world, person, document, hash } = await setUp(t, stores);
      const sad = await person.authorize([hash]);
      const algorithm = { signAlgo: rsaEncryption, hashAlgo: sha256Oid, signAlgoParams: withSalt(32) };
      const [signature] = await person.signHash(sad, [hash], algorithm);
      const key = createPublicKey({ key: person.spki, format: 'der', type: 'spki' });
      t.ok(verify('sha256', document, { key, padding: constants.RSA_PKCS1_PADDING }, signature!));
      const [leaf] = (await readLeaves(world.store)).filter(({ result }) => result === 'intended');
      t.same([leaf!.algorithm, leaf!.detail], [rsaEncryption, undefined]);
    },
  });
});
