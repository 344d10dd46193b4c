import t, { type Test } from 'tap';
import { type SignPdfOptions, signPdf, signPdfs } from '../../src/client/index.ts';
import { signAlgosOf } from '../../src/crypto/algorithms.ts';
import { refused } from '../helpers/refused.ts';
import { createTestPki, newkeys, signDigest } from './certificates.ts';
import type { CscAnswer, CscCall } from './csc-service.ts';
import { sample } from './documents.ts';
import { opensslVerifies, pdfsig, signaturesOf } from './judges.ts';
import { type Credential, signingService } from './signing-service.ts';

const pki = createTestPki(t);
const rsa = { ...pki.signer(newkeys['RSA-2048']), algo: signAlgosOf('RSA-2048'), len: 2048 };
const ec = { ...pki.signer(newkeys['EC-P256']), algo: signAlgosOf('EC-P256'), len: 256 };
/** Such a service, and the options for signing with it as Ms Lan. */
async function asLan(t: Test, credentials: Record<string, Credential>, override?: (call: CscCall) => CscAnswer) {
  const { client, calls } = await signingService(t, pki, credentials, override);
  const options: SignPdfOptions = {
    client,
    userID: 'cô.lan',
    password: 'mật khẩu',
    askPIN: () => '12345678',
    askOTP: async () => '123456',
    level: 'B-B',
    clock: { now: () => Date.UTC(2026, 10, 24), monotonic: () => 0 },
  };
  return { options, calls };
}

for (const [keyType, credential] of [
  ['RSA-2048', rsa],
  ['EC-P256', ec],
] as const) {
  t.test(`${keyType}: a PDF goes through the CSC API and comes back valid for pdfsig and openssl`, async (t) => {
    const { options, calls } = await asLan(t, { c1: credential });
    const steps: string[] = [];
    const pdf = await signPdf(sample, { ...options, reason: 'Tôi duyệt', onStep: (step) => steps.push(step) });

    t.strictSame(pdf.subarray(0, sample.length), sample);
    t.match(pdfsig(pki, pdf)[0], 'Signature is Valid.');
    t.match(pdf.subarray(sample.length).toString('latin1'), '/M (D:20261124000000Z)');
    const [signature] = signaturesOf(pdf);
    const verdict = opensslVerifies(pki, signature!.cms, signature!.signed);
    t.ok(verdict.accepted, verdict.said);

    const asked = [
      'auth/login',
      'credentials/list',
      'credentials/info',
      'credentials/authorize',
      'signatures/signHash',
      'auth/revoke',
    ];
    t.strictSame(
      calls.map(({ method }) => method),
      asked,
    );
    t.strictSame(steps, [...asked.slice(0, 3), 'prepare', ...asked.slice(3, -1), 'embed']);
    const [authorize, signHash] = [calls[3]!.body, calls[4]!.body];
    t.match(authorize, { credentialID: 'c1', numSignatures: 1, PIN: '12345678', OTP: '123456' });
    t.strictSame(signHash, { credentialID: 'c1', SAD: 'the SAD', hash: authorize.hash, signAlgo: credential.algo[0] });
  });
}

t.test('the algorithm is the first of key.algo, and the digest the one that it implies', async (t) => {
  const { options, calls } = await asLan(t, { c1: { ...rsa, algo: ['1.2.840.113549.1.1.12'] } });
  const pdf = await signPdf(sample, options);
  t.match(pdfsig(pki, pdf)[0], 'Signature is Valid.');
  t.match(pdfsig(pki, pdf)[0], 'SHA-384');
  t.match(calls.at(-2)?.body, { signAlgo: '1.2.840.113549.1.1.12', hashAlgo: undefined });
});

t.test('an algorithm that is not known here is passed over', async (t) => {
  const { options, calls } = await asLan(t, { c1: { ...ec, algo: ['1.2.840.10045.2.1', '1.2.840.10045.4.3.4'] } });
  t.match(pdfsig(pki, await signPdf(sample, options))[0], /SHA-512[\s\S]*Signature is Valid\./);
  t.match(calls.at(-2)?.body, { signAlgo: '1.2.840.10045.4.3.4' });
});

t.test('no documents: nobody is asked for anything', async (t) => {
  const { options, calls } = await asLan(t, { c1: ec });
  t.same(await signPdfs([], options), []);
  t.equal(calls.length, 0);
});

t.test('rsaEncryption implies no digest, so hashAlgo is sent (CSC v1 §11.9)', async (t) => {
  const { options, calls } = await asLan(t, { c1: { ...rsa, algo: ['1.2.840.113549.1.1.1'] } });
  t.match(pdfsig(pki, await signPdf(sample, options))[0], 'Signature is Valid.');
  t.match(calls.at(-2)?.body, { signAlgo: '1.2.840.113549.1.1.1', hashAlgo: '2.16.840.1.101.3.4.2.1' });
});

t.test('the named credential signs, and one that the account does not have is refused', async (t) => {
  const { options, calls } = await asLan(t, { c1: rsa, c2: ec });
  await signPdf(sample, { ...options, credentialID: 'c2' });
  t.match(calls.at(-2)?.body, { credentialID: 'c2' });
  await t.rejects(signPdf(sample, { ...options, credentialID: 'c3' }), refused('credentialUnknown'));
  const nobody = await asLan(t, {});
  await t.rejects(signPdf(sample, nobody.options), refused('credentialUnknown'));
});

t.test('only the factors that the credential wants are asked for, with what it says about them', async (t) => {
  const { options, calls } = await asLan(t, { c1: { ...rsa, info: { OTP: { presence: 'false' } } } });
  const asked: unknown[] = [];
  const askPIN: SignPdfOptions['askPIN'] = (about) => {
    asked.push(about);
    return '87654321';
  };
  await signPdf(sample, { ...options, askPIN, askOTP: () => t.fail('no code is wanted') as never });
  t.match(asked, [{ presence: 'true', label: 'PIN' }]);
  t.match(calls[3]?.body, { PIN: '87654321', OTP: undefined });
});

t.test('a PDF that cannot be signed is refused before the signer is asked for a factor', async (t) => {
  const { options, calls } = await asLan(t, { c1: rsa });
  const asks = { askPIN: () => t.fail('asked') as never, askOTP: () => t.fail('asked') as never };
  await t.rejects(signPdf(Buffer.from('no PDF'), { ...options, ...asks }), refused('document'));
  t.equal(calls.at(-2)?.method, 'credentials/info');
});

t.test('a credential that is disabled or not opened with PIN and code is refused', async (t) => {
  const disabled = { key: { status: 'disabled', algo: rsa.algo, len: 2048 } };
  for (const [info, kind] of [
    [disabled, 'credentialDisabled'],
    [{ authMode: 'oauth2code' }, 'credentialUnknown'],
  ] as const) {
    const { options, calls } = await asLan(t, { c1: { ...rsa, info } });
    await t.rejects(signPdf(sample, options), refused(kind));
    t.equal(calls.at(-2)?.method, 'credentials/info');
  }
  const { options } = await asLan(t, { c1: { ...rsa, algo: ec.algo } });
  await t.rejects(signPdf(sample, options), refused('signAlgoInvalid'));
});

t.test('a refusal ends the run with the CscError, and a signature by another key is not embedded', async (t) => {
  const pinInvalid = { status: 400, body: { error: 'invalid_pin', error_description: 'The PIN is invalid' } };
  const refusing = await asLan(t, { c1: rsa }, ({ method }) =>
    method === 'credentials/authorize' ? pinInvalid : undefined,
  );
  await t.rejects(signPdf(sample, refusing.options), { name: 'CscError', status: 400, error: 'invalid_pin' });
  t.equal(refusing.calls.at(-2)?.method, 'credentials/authorize');

  const forging = await asLan(t, { c1: rsa }, ({ method, body }) => {
    if (method !== 'signatures/signHash') return undefined;
    const [hash] = body.hash as string[];
    const stranger = pki.signer(newkeys['RSA-2048']);
    return { body: { signatures: [signDigest(pki, stranger, Buffer.from(hash!, 'base64')).toString('base64')] } };
  });
  await t.rejects(signPdf(sample, forging.options), refused('integrity'));
});

t.test('RSASSA-PSS alone: parameters are sent, and the CMS says so', async (t) => {
  const { options, calls } = await asLan(t, { c1: { ...rsa, algo: ['1.2.840.113549.1.1.10'] } });
  const pdf = await signPdf(sample, options);
  const [signature] = signaturesOf(pdf);
  const verdict = opensslVerifies(pki, signature!.cms, signature!.signed);
  t.ok(verdict.accepted, verdict.said);
  t.match(calls.at(-2)?.body, { signAlgo: '1.2.840.113549.1.1.10', signAlgoParams: /^MDSg/ });
});

t.test('many documents under one authorization, with progress', async (t) => {
  const { options, calls } = await asLan(t, { c1: ec });
  const documents = Array.from({ length: 50 }, (_, n) => ({ name: `${n}.pdf`, pdf: sample }));
  const seen: string[] = [];
  const signed = await signPdfs(documents, {
    ...options,
    onStep: (step, progress) => progress && seen.push(`${step} ${progress.done}/${progress.total}`),
  });
  t.equal(signed.length, 50);
  t.ok(signed.every((pdf) => pdfsig(pki, pdf)[0]?.includes('Signature is Valid.')));
  t.equal(calls.filter(({ method }) => method === 'credentials/authorize').length, 1);
  t.equal(calls.filter(({ method }) => method === 'signatures/signHash').length, 1);
  t.same([seen[0], seen[49], seen.at(-1)], ['prepare 1/50', 'prepare 50/50', 'embed 50/50']);
});

t.test('one bad document stops all of them before anybody is asked for a PIN, and is named', async (t) => {
  const { options, calls } = await asLan(t, { c1: ec });
  const documents = [
    { name: 'tốt.pdf', pdf: sample },
    { name: 'hỏng.pdf', pdf: Buffer.from('x') },
  ];
  const askPIN = () => t.fail('asked') as never;
  const run = signPdfs(documents, { ...options, askPIN });
  await t.rejects(run, { kind: 'document', message: /^hỏng\.pdf: / });
  t.notOk(calls.some(({ method }) => method === 'credentials/authorize'));
  const few = { ...ec, info: { multisign: 1 } };
  const limited = await asLan(t, { c1: few });
  const two = [documents[0]!, documents[0]!];
  await t.rejects(signPdfs(two, limited.options), refused('numSignaturesTooHigh'));
});

t.test('a code that the service sends is sent before it is asked for', async (t) => {
  const online = { ...ec, info: { OTP: { presence: 'true', type: 'online', ID: 'email' } } };
  const { options, calls } = await asLan(t, { c1: online });
  const asked = () => calls.map(({ method }) => method);
  await signPdf(sample, {
    ...options,
    askOTP: ({ type }) => {
      t.equal(type, 'online');
      t.equal(asked().at(-1), 'credentials/sendOTP');
      return '123456';
    },
  });
});
