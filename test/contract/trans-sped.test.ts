import t from 'tap';
import { digestOf, goJson, replay } from './replay.ts';
import { basicOf, fits, startService } from './service.ts';

/*
 * Clients written against Trans Sped's service (Go: a PKCS#11 bridge for a desktop). They send numbers and booleans as
 * text, an empty `signAlgoParams`, and `userID` to credentials/list, because their service knows the application only.
 */

t.test('clients of Trans Sped', async (t) => {
  const service = await startService(t);
  const account = await service.account({ keyType: 'RSA-2048', otp: 'email' });
  const { credentialID } = account;
  const post = (method: string, authorization: string, body: Record<string, unknown>) =>
    replay(
      `${service.csc}/${method}`,
      [
        ['Host', '{host}'],
        ['User-Agent', 'Go-http-client/1.1'],
        ['Content-Length', '{length}'],
        ['Authorization', authorization],
        ['Content-Type', 'application/json'],
        ['Accept-Encoding', 'gzip'],
      ],
      goJson(body),
    );
  const bearer = `Bearer ${(await post('auth/login', basicOf(account), {})).json().access_token}`;
  const refusal = async (answer: ReturnType<typeof post>) => {
    const { status, json } = await answer;
    return `${status} ${json().error_description}`;
  };

  await t.test('userID beside a login of a user: refused as the table says; without it, the list', async (t) => {
    const named = post('credentials/list', bearer, { userID: account.email });
    t.equal(await refusal(named), '400 userID parameter MUST be null');
    t.same((await post('credentials/list', bearer, {})).json(), { credentialIDs: [credentialID] });
  });

  await t.test('certInfo as text is refused; left out, the certificates are there', async (t) => {
    const body = { credentialID, certificates: 'chain' };
    t.equal(
      await refusal(post('credentials/info', bearer, { ...body, certInfo: 'true' })),
      '400 Invalid parameter certInfo',
    );
    const info = (await post('credentials/info', bearer, body)).json();
    t.same(info.cert.certificates, account.chain);
    t.equal(typeof info.SCAL, 'string');
  });

  await t.test('numSignatures as text: only for a client with numSignaturesAsText', async (t) => {
    const seen = service.world.notify.messages.length;
    t.equal((await post('credentials/sendOTP', bearer, { credentialID })).status, 204, 'any 2xx is good for it');
    const { values } = await service.world.notify.sent('oneTimeCode', account.email, seen);
    const hash = [digestOf('TLS <handshake> & more')];
    const authorizing = { credentialID, numSignatures: '1', hash, PIN: account.pin, OTP: values.code };
    const authorize = () => post('credentials/authorize', bearer, authorizing);
    t.equal(await refusal(authorize()), '400 Missing (or invalid type) integer parameter numSignatures');

    await service.set({ numSignaturesAsText: true });
    const { SAD } = (await authorize()).json();
    const signing = {
      ...{ credentialID, SAD, hash, signAlgo: '1.2.840.113549.1.1.11', hashAlgo: '2.16.840.1.101.3.4.2.1' },
      signAlgoParams: '',
    };
    const { signatures } = (await post('signatures/signHash', bearer, signing)).json();
    t.ok(
      fits(account.chain[0] ?? '', 'TLS <handshake> & more', signatures[0]),
      'and the empty signAlgoParams means nothing',
    );

    for (const numSignatures of ['one', '1.0', ' 1', '-1', '0x1', '', '1e0']) {
      const odd = post('credentials/authorize', bearer, { ...authorizing, numSignatures });
      t.match(
        await refusal(odd),
        /^400 .*numSignatures$/,
        `${JSON.stringify(numSignatures)} is no number in text either`,
      );
    }
    await service.set({ numSignaturesAsText: false });
  });
});
