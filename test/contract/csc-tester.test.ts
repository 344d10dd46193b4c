import t from 'tap';
import { digestOf, pythonJson, replay } from './replay.ts';
import { basicOf, fits, startService } from './service.ts';

/*
 * CSC Tester 1.1.0 (Python, requests), the black-box tester of one of the specification's contributors. Its checks run here
 * against a credential with PIN and app, with the hashes that SCAL 2 wants added, since it knows no SCAL 2. What it asks
 * for and does not get stands at the end, with what it gets instead.
 */

/** The digests it sends, of `abc` and a line feed; its SHA-256 is of something else, and is ours here. */
const digests = {
  sha256: digestOf('abc\n'),
  sha384: '6NFCC0/0HD8SGG2JSpnhxKpoHaecRwB+na3s2eywSC7h4iRRDnSEB4wCifNDlrnD',
  sha512: 'TyhdDAzHcobYcxeYt6riY54oJw1BZvQNdpy73KUjBxTYSEg9Nk4vOf5suQg8FSKbOaM2FevG1XYF98Q/aQZznQ==',
};

t.test('CSC Tester', async (t) => {
  const service = await startService(t);
  const account = await service.account({ keyType: 'RSA-2048' });
  const ids = [account.credentialID];
  for (let n = 0; n < 6; n += 1) ids.push((await account.newCredential({ keyType: 'EC-P256' })).credentialID);
  const { credentialID } = account;

  /** `requests`, which says GET instead of POST where it has no input. */
  const ask = (method: string, authorization: string | undefined, input?: object) =>
    replay(
      `${service.csc}/${method}`,
      [
        ['Host', '{host}'],
        ['User-Agent', 'python-requests/2.31.0'],
        ['Accept-Encoding', 'gzip, deflate'],
        ['Accept', '*/*'],
        ['Connection', 'keep-alive'],
        ['Content-Type', 'application/json'],
        ...(authorization ? [['Authorization', authorization] as [string, string]] : []),
        ...(input ? [['Content-Length', '{length}'] as [string, string]] : []),
      ],
      input ? pythonJson(input) : '',
      input ? 'POST' : 'GET',
    );
  const basic = basicOf(account);

  await t.test('info: the logo is there and an image; lang', async (t) => {
    const info = (await ask('info', undefined, {})).json();
    t.equal(info.lang, 'en-US');
    const logo = await fetch(info.logo, { redirect: 'manual' });
    t.equal(logo.status, 200);
    t.match(logo.headers.get('content-type'), /^image\/(?:png|jpeg)$/, 'compared as a whole');
    t.equal((await ask('info', undefined, { lang: 'vi-VN' })).json().lang, 'vi-VN');
    t.equal((await ask('info', undefined, { lang: 'it-IT' })).json().lang, 'en-US', 'a language that we lack');
  });

  await t.test('auth/login: a refresh token only where it was asked for', async (t) => {
    const once = (await ask('auth/login', basic, {})).json();
    t.match(once, { access_token: String });
    t.notOk('refresh_token' in once || 'error' in once);
    t.match((await ask('auth/login', basic, { rememberMe: true })).json(), {
      access_token: String,
      refresh_token: String,
    });
  });

  const bearer = `Bearer ${(await ask('auth/login', basic, { rememberMe: true })).json().access_token}`;

  await t.test('credentials/list: maxResults 1, 5 and 20, and pages that add up', async (t) => {
    for (const maxResults of [1, 5, 20]) {
      const { credentialIDs, error } = (await ask('credentials/list', bearer, { maxResults })).json();
      t.equal(error, undefined);
      t.equal(credentialIDs.length, Math.min(maxResults, ids.length));
    }
    const found: string[] = [];
    const input: { maxResults: number; pageToken?: string } = { maxResults: Math.floor(ids.length / 5) + 1 };
    for (let page = 0; page < 5; page += 1) {
      const { credentialIDs, nextPageToken } = (await ask('credentials/list', bearer, input)).json();
      found.push(...credentialIDs);
      if (nextPageToken === undefined) break;
      input.pageToken = nextPageToken;
    }
    t.same(found.sort(), [...ids].sort(), 'each once');
  });

  await t.test('credentials/info: seven ways to ask', async (t) => {
    const facts = ['validFrom', 'validTo', 'subjectDN', 'serialNumber', 'issuerDN'];
    const info = async (input: object) => {
      const answer = (await ask('credentials/info', bearer, { credentialID, ...input })).json();
      t.notOk('error' in answer);
      return answer;
    };
    const has = (of: object, names: string[]) => names.filter((name) => name in of);
    for (const [input, certificates] of [
      [{}, 1],
      [{ certificates: 'single' }, 1],
      [{ certificates: 'chain' }, 3],
      [{ certificates: 'none' }, undefined],
    ] as const) {
      const answer = await info(input);
      t.equal(answer.cert.certificates?.length, certificates, JSON.stringify(input));
      t.same(has(answer.cert, facts), []);
      t.same(has(answer, ['PIN', 'OTP']), [], 'no factors unless they were asked for');
      t.same(has(answer.key, ['status', 'algo', 'len']), ['status', 'algo', 'len']);
    }
    const known = await info({ certificates: 'single', certInfo: true });
    t.same(has(known.cert, facts), facts);
    t.same(has(known, ['PIN', 'OTP']), []);
    const factors = await info({ certificates: 'chain', authInfo: true });
    t.same(has(factors, ['PIN', 'OTP']), ['PIN', 'OTP']);
    t.same(has(factors.cert, facts), []);

    const { key, cert, PIN, OTP, authMode } = await info({ certificates: 'none', authInfo: true, certInfo: true });
    t.same(
      [cert.status, key.status, PIN.presence, OTP.presence, OTP.type, authMode],
      [...['valid', 'enabled', 'true', 'true', 'offline', 'explicit']],
    );
  });

  const authorize = (input: object) => ask('credentials/authorize', bearer, { credentialID, ...input });
  const errorOf = async (answer: ReturnType<typeof ask>) => {
    const { error, error_description: text } = (await answer).json();
    return [error, text];
  };
  const hash = [digests.sha256];

  await t.test('credentials/authorize: a wrong code, a wrong PIN, both right', async (t) => {
    const input = { numSignatures: 1, hash };
    const wrongCode = authorize({ ...input, OTP: '>>0', PIN: account.pin });
    t.same(await errorOf(wrongCode), ['invalid_otp', 'The OTP is invalid']);
    const OTP = await account.nextCode();
    t.same(await errorOf(authorize({ ...input, PIN: '>>0', OTP })), ['invalid_pin', 'The PIN is invalid']);
    t.same(
      await errorOf(authorize({ ...input, PIN: account.pin, OTP })),
      ['invalid_otp', 'The OTP is invalid'],
      'it tries the same code again; here each is good once (S41)',
    );
    t.match((await authorize({ ...input, PIN: account.pin, OTP: await account.nextCode() })).json(), { SAD: String });
  });

  await t.test('an unusable certificate wins over wrong factors', async (t) => {
    const ended = await account.newCredential({ notAfter: service.world.clock.now() + 3_600_000 });
    await service.world.advance(3_600_000);
    const again = `Bearer ${(await ask('auth/login', basic, {})).json().access_token}`;
    const input = { credentialID: ended.credentialID, numSignatures: 1, hash, PIN: '>>0', OTP: '>>0' };
    const [error, text] = await errorOf(ask('credentials/authorize', again, input));
    t.equal(error, 'invalid_request');
    t.match(
      text,
      /^(?:Signing certificate 'O=.*,CN=.*' is expired\.|The credential identified by credentialID is disabled)$/,
    );
  });

  const fresh = `Bearer ${(await ask('auth/login', basic, {})).json().access_token}`;
  const sadFor = async (what: string[]): Promise<string> => {
    const factors = { PIN: account.pin, OTP: await account.nextCode() };
    const input = { credentialID, numSignatures: what.length, hash: what, ...factors };
    return (await ask('credentials/authorize', fresh, input)).json().SAD;
  };

  await t.test('credentials/extendTransaction: a SAD of nobody, and renewal without hashes', async (t) => {
    const SAD = await sadFor(hash);
    t.same(await errorOf(ask('credentials/extendTransaction', fresh, { SAD: 'xxx', credentialID })), [
      ...['invalid_request', 'Invalid parameter SAD'],
    ]);
    const renewed = (await ask('credentials/extendTransaction', fresh, { SAD, credentialID })).json();
    t.ok(renewed.SAD && renewed.SAD !== SAD);
    const sign = (sad: string) =>
      ask('signatures/signHash', fresh, { SAD: sad, signAlgo: '1.2.840.113549.1.1.11', hash, credentialID });
    t.same(await errorOf(sign(SAD)), ['invalid_request', 'Invalid parameter SAD'], 'it goes on with the new one');
    t.equal((await sign(renewed.SAD)).json().signatures.length, 1);
  });

  await t.test(
    'signatures/signHash: implied and named hashes, the same hash several times, PSS with its trailer',
    async (t) => {
      const pss = 'MDmgDzANBglghkgBZQMEAgEFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgEFAKIDAgEgowMCAQE=';
      const named = { signAlgo: '1.2.840.113549.1.1.1', hashAlgo: '2.16.840.1.101.3.4.2.2' };
      for (const [input, digest, count, salt] of [
        [{ signAlgo: '1.2.840.113549.1.1.11' }, 'sha256', 1, undefined],
        [{ signAlgo: '1.2.840.113549.1.1.13' }, 'sha512', 2, undefined],
        [named, 'sha384', 3, undefined],
        [{ signAlgoParams: pss, signAlgo: '1.2.840.113549.1.1.10' }, 'sha256', 3, 32],
      ] as const) {
        t.equal(digests[digest], digestOf('abc\n', digest));
        const what = Array.from({ length: count }, () => digests[digest]);
        const SAD = await sadFor(what);
        const { signatures } = (
          await ask('signatures/signHash', fresh, { SAD, ...input, hash: what, credentialID })
        ).json();
        t.equal(signatures.length, count, input.signAlgo);
        for (const one of signatures) t.ok(fits(account.chain[0] ?? '', 'abc\n', one, digest, salt));
      }
      const SAD = await sadFor([digests.sha384]);
      const mismatched = { SAD, signAlgo: '1.2.840.113549.1.1.13', hash: [digests.sha384], credentialID };
      t.same((await errorOf(ask('signatures/signHash', fresh, mismatched)))[1], 'Invalid digest value length');
    },
  );

  await t.test('auth/revoke: a refresh token with and without hint, an access token', async (t) => {
    for (const hint of [{}, { token_type_hint: 'refresh_token' }]) {
      const { access_token: access, refresh_token: refresh } = (
        await ask('auth/login', basic, { rememberMe: true })
      ).json();
      t.equal((await ask('auth/revoke', `Bearer ${access}`, { token: refresh, ...hint })).text, '');
      t.ok(
        'error' in (await ask('auth/login', basic, { refresh_token: refresh })).json(),
        'with the header, as it sends it',
      );
      t.ok('error' in (await ask('auth/login', undefined, { refresh_token: refresh })).json(), 'and without');
    }
    const { access_token: access } = (await ask('auth/login', basic, {})).json();
    t.equal(
      (await ask('auth/revoke', `Bearer ${access}`, { token: access, token_type_hint: 'access_token' })).text,
      '',
    );
    t.ok('error' in (await ask('credentials/list', `Bearer ${access}`, {})).json());
  });

  await t.test('what it wants and does not get', async (t) => {
    const get = await ask('info', undefined);
    t.equal(get.status, 405, 'its GET of info and auth/login: every method is POST (CSC v1 §7.1)');
    t.match(get.json(), { error: 'invalid_request' });
    const unknown = await ask('unsupported/service', undefined, { key: 'value' });
    t.equal(unknown.status, 501, 'access_denied for an unknown method: Table 2 has 501');
    const stamp = await ask('signatures/timestamp', fresh, {
      hash: 'uB28DAYaAZ+74aWHm30uDgeVB18=',
      hashAlgo: '1.3.14.3.2.26',
    });
    t.same(
      [stamp.status, (await errorOf(Promise.resolve(stamp)))[1]],
      [400, 'Invalid parameter hashAlgo'],
      'timestamps over SHA-1',
    );
    const without = ask('credentials/authorize', fresh, {
      credentialID,
      numSignatures: 20,
      PIN: account.pin,
      OTP: '123456',
    });
    t.equal((await errorOf(without))[1], 'Missing (or invalid type) array parameter hash', 'SCAL 1');
    const SAD = await sadFor(hash);
    for (const algorithm of [
      { signAlgo: '1.2.840.113549.1.1.1', hashAlgo: '1.3.14.3.2.26' },
      { signAlgo: '1.2.840.113549.1.1.14' },
    ]) {
      const answer = await ask('signatures/signHash', fresh, { SAD, ...algorithm, hash, credentialID });
      t.equal(answer.status, 400, `SHA-1 and SHA-224 (${algorithm.signAlgo})`);
    }
  });
});
