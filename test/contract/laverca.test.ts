import t from 'tap';
import { digestOf, replay } from './replay.ts';
import { type Account, fits, startService } from './service.ts';

/*
 * Laverca's CSC client (Java, Gson over OkHttp). Base URL without `/csc/v1`; logs in by password. It is made for
 * implicit credentials: its own signHash calls authorize without PIN and OTP, which Kyso never allows. Its request class has
 * both members, and an application that fills them signs.
 */

/** OkHttp's `Credentials.basic`: ISO 8859-1, and `?` for whatever that lacks. */
function basicOf({ userID, password }: Account): string {
  const pair = Array.from(`${userID}:${password}`, (one) => (one.charCodeAt(0) > 0xff ? '?' : one)).join('');
  return `Basic ${Buffer.from(pair, 'latin1').toString('base64')}`;
}

t.test('Laverca', async (t) => {
  const service = await startService(t);
  const account = await service.account({ keyType: 'RSA-2048', password: 'Hoa phuong do 2026' });
  const { credentialID } = account;
  /** Gson leaves nulls out; primitive members are always there. */
  const post = (method: string, authorization: string | undefined, body: object) =>
    replay(
      `${service.origin}/csc/v1/${method}`,
      [
        ...(authorization ? [['Authorization', authorization] as [string, string]] : []),
        ['Content-Type', 'application/json; charset=utf-8'],
        ['Content-Length', '{length}'],
        ['Host', '{host}'],
        ['Connection', 'Keep-Alive'],
        ['Accept-Encoding', 'gzip'],
        ['User-Agent', 'okhttp/2.7.5'],
      ],
      JSON.stringify(body),
    );

  await t.test('login remembered, refreshed without a header, and revoked', async (t) => {
    const first = (await post('auth/login', basicOf(account), { rememberMe: true })).json();
    t.match(first, { access_token: String, refresh_token: String });
    const again = (
      await post('auth/login', undefined, { refresh_token: first.refresh_token, rememberMe: true })
    ).json();
    t.match(again, { access_token: String, refresh_token: String });
    t.not(again.refresh_token, first.refresh_token, 'it keeps the newest');
    const bearer = `Bearer ${again.access_token}`;
    const revoked = await post('auth/revoke', bearer, { token: again.access_token, token_type_hint: 'access_token' });
    t.equal(revoked.status, 204);
    t.equal(revoked.text, '', 'Gson reads an empty body as null');
    t.equal((await post('credentials/list', bearer, { maxResults: 20 })).status, 401);

    const misspelt = (await post('auth/login', basicOf(account), { remeberMe: true })).json();
    t.match(misspelt, { access_token: String }, 'older versions have a slip in the name');
    t.notOk('refresh_token' in misspelt, 'and are not remembered');
    t.equal((await post('auth/revoke', bearer, { token: again.access_token })).status, 401, 'the token is dead');

    const vietnamese = await service.account();
    const wrong = await post('auth/login', basicOf(vietnamese), { rememberMe: true });
    t.equal(wrong.status, 400, 'RFC 7617 passwords are UTF-8: with diacritics this client cannot log in');
    t.match(wrong.json(), { error: 'authentication_error', error_description: String }, 'it shows both members');
  });

  const login = await post('auth/login', basicOf(account), { rememberMe: true });
  const bearer = `Bearer ${login.json().access_token}`;

  await t.test('credentials: IDs, and SCAL "2" as text', async (t) => {
    t.same((await post('credentials/list', bearer, { maxResults: 20 })).json(), { credentialIDs: [credentialID] });
    const body = { credentialID, certificates: 'single', certInfo: false, authInfo: false };
    const info = (await post('credentials/info', bearer, body)).json();
    t.equal(info.SCAL, '2');
    t.match(info, { key: { status: String, algo: Array, len: Number }, cert: { status: String, certificates: Array } });
    t.equal(info.cert.certificates.length, 1);
  });

  const hash = [digestOf('bệnh án')];
  await t.test('implicit, as it does by itself: the factors are missing', async (t) => {
    const answer = await post('credentials/authorize', bearer, { credentialID, numSignatures: 1, hash });
    t.equal(answer.status, 400);
    t.equal(answer.json().error, 'invalid_otp');
  });

  await t.test('explicit, with both members filled; hashAlgo absent', async (t) => {
    const factors = { PIN: account.pin, OTP: await account.nextCode() };
    const authorized = await post('credentials/authorize', bearer, {
      credentialID,
      numSignatures: 1,
      hash,
      ...factors,
    });
    const { SAD, expiresIn } = authorized.json();
    t.ok(SAD && expiresIn > 0);
    const sign = (what: string[]) =>
      post('signatures/signHash', bearer, { credentialID, SAD, hash: what, signAlgo: '1.2.840.113549.1.1.11' });
    const { signatures } = (await sign(hash)).json();
    t.ok(fits(account.chain[0] ?? '', 'bệnh án', signatures[0]));

    const more = await sign([digestOf('another')]);
    t.equal(
      more.status,
      400,
      'it goes on with the SAD while that lives; here it is spent, and it has to authorize again',
    );
    t.match(more.json().error_description, /^(?:Invalid parameter SAD|Hash is not authorized by the SAD\.)$/);
    const sha1 = await post('signatures/signHash', bearer, {
      credentialID,
      SAD,
      hash,
      signAlgo: '1.2.840.113549.1.1.5',
    });
    t.equal(sha1.status, 400, 'RSA_WITH_SHA1 is among its constants, and refused');
  });
});
