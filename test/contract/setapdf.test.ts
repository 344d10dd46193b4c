import t from 'tap';
import { digestOf, phpJson, replay } from './replay.ts';
import { type Account, basicOf, fits, startService } from './service.ts';

/*
 * SetaPDF's CSC add-on (PHP, PSR-18). It gets its token by OAuth, which v1 of Kyso does not have yet: a basic login stands
 * in for that. Any status but 200 is an error to it; it takes the first credential and the first algorithm.
 */

t.test('SetaPDF', async (t) => {
  const service = await startService(t);
  /** `call()`: an exception for every status but 200, JSON decoded otherwise. */
  const call = async (path: string, token: string | undefined, input: object = {}) => {
    const { status, text } = await replay(
      `${service.csc}${path}`,
      [
        ['Content-Length', '{length}'],
        ['User-Agent', 'GuzzleHttp/7'],
        ['Content-Type', 'application/json'],
        ['Host', '{host}'],
        ...(token ? [['Authorization', `Bearer ${token}`] as [string, string]] : []),
      ],
      Object.keys(input).length === 0 ? '{}' : phpJson(input),
    );
    if (status !== 200) throw new Error(`Error on ${path}: ${status} ${text}`);
    return JSON.parse(text);
  };
  const tokenOf = async (account: Account): Promise<string> => {
    const headers: [string, string][] = [
      ['Authorization', basicOf(account)],
      ['Content-Type', 'application/json'],
      ['Content-Length', '{length}'],
      ['Host', '{host}'],
    ];
    return (await replay(`${service.csc}/auth/login`, headers, '{}')).json().access_token;
  };

  await t.test('info', async (t) => {
    t.match(await call('/info', undefined), { specs: '1.0.4.0', methods: Array, lang: 'en-US' });
    t.equal((await call('/info', undefined, { lang: 'vi-VN' })).lang, 'vi-VN');
    t.notOk('oauth2' in (await call('/info', undefined)), 'its own way to a token is not built');
  });

  const algorithms = { 'RSA-3072': '1.2.840.113549.1.1.11', 'EC-P256': '1.2.840.10045.4.3.2' } as const;
  for (const keyType of ['RSA-3072', 'EC-P256'] as const) {
    await t.test(`${keyType}: the first credential, its first algorithm, PIN and code`, async (t) => {
      const account = await service.account({ keyType });
      const token = await tokenOf(account);
      const { credentialIDs } = await call('/credentials/list', token);
      const [credentialID] = credentialIDs;
      const info = await call('/credentials/info', token, {
        credentialID,
        certificates: 'chain',
        authInfo: true,
        certInfo: true,
      });
      const [signAlgo] = info.key.algo;
      t.equal(signAlgo, algorithms[keyType], 'hash-bound and preferred');
      t.match(info, { PIN: { presence: 'true' }, OTP: { presence: 'true' }, authMode: 'explicit' });
      t.equal(info.cert.certificates.length, 3);

      // Hashes whose base64 has slashes, which PHP writes as \/.
      const texts = Array.from({ length: 200 }, (_, n) => `tài liệu ${n}`).filter((text) => /\//.test(digestOf(text)));
      const hash = texts.slice(0, 3).map((text) => digestOf(text));
      t.match(phpJson(hash), /\\\//);
      const factors = { PIN: account.pin, OTP: await account.nextCode() };
      const { SAD } = await call('/credentials/authorize', token, { credentialID, numSignatures: 3, hash, ...factors });
      const signing = { credentialID, SAD, hash, hashAlgo: '2.16.840.1.101.3.4.2.1', signAlgo };
      const { signatures } = await call('/signatures/signHash', token, signing);
      for (const [n, signature] of signatures.entries()) {
        t.ok(fits(info.cert.certificates[0], texts[n] ?? '', signature), `signature ${n}`);
        if (keyType === 'EC-P256') t.equal(Buffer.from(signature, 'base64')[0], 0x30, 'DER, or it throws');
      }
    });
  }

  await t.test(
    'RSASSA-PSS and rsaEncryption with hashAlgo, for which it never found a provider to test with',
    async (t) => {
      const account = await service.account({ keyType: 'RSA-2048' });
      const token = await tokenOf(account);
      const { credentialID } = account;
      const hash = [digestOf('a', 'sha512')];
      const OTP = await account.nextCode();
      const authorizing = { credentialID, numSignatures: 1, hash, PIN: account.pin, OTP };
      const { SAD } = await call('/credentials/authorize', token, authorizing);
      const hashAlgo = '2.16.840.1.101.3.4.2.3';
      const signing = { credentialID, SAD, hash, hashAlgo, signAlgo: '1.2.840.113549.1.1.1' };
      const { signatures } = await call('/signatures/signHash', token, signing);
      t.ok(fits(account.chain[0] ?? '', 'a', signatures[0], 'sha512'));

      const second = await call('/credentials/authorize', token, { ...authorizing, OTP: await account.nextCode() });
      const signAlgoParams = 'MDSgDzANBglghkgBZQMEAgMFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgMFAKIDAgFA';
      const pss = { ...signing, SAD: second.SAD, signAlgo: '1.2.840.113549.1.1.10', signAlgoParams };
      const signed = await call('/signatures/signHash', token, pss);
      t.ok(fits(account.chain[0] ?? '', 'a', signed.signatures[0], 'sha512', 64));
    },
  );

  await t.test('sendOTP: its 204 is an error to this client, unless the client has sendOtpBody', async (t) => {
    const account = await service.account({ otp: 'email' });
    const token = await tokenOf(account);
    const { credentialID } = account;
    await t.rejects(call('/credentials/sendOTP', token, { credentialID }), /Error on \/credentials\/sendOTP: 204/);

    await service.world.notify.sent('oneTimeCode', account.email);

    await service.set({ sendOtpBody: true });
    t.teardown(() => service.set({ sendOtpBody: false }));
    await service.world.advance(60_000); // one code a minute

    const seen = service.world.notify.messages.length;
    t.same(await call('/credentials/sendOTP', token, { credentialID }), {});
    const { values } = await service.world.notify.sent('oneTimeCode', account.email, seen);
    const hash = [digestOf('b')];
    const authorizing = { credentialID, numSignatures: 1, hash, PIN: account.pin, OTP: values.code };
    const { SAD } = await call('/credentials/authorize', token, authorizing);
    const { signatures } = await call('/signatures/signHash', token, {
      ...{ credentialID, SAD, hash, signAlgo: '1.2.840.10045.4.3.2' },
    });
    t.ok(fits(account.chain[0] ?? '', 'b', signatures[0]));
  });
});
