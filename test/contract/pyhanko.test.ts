import t from 'tap';
import { digestOf, pythonJson, replay } from './replay.ts';
import { type Account, basicOf, fits, startService } from './service.ts';

/*
 * pyHanko's CSC signer (Python, aiohttp; written for v1.0.4.0). It makes URLs from a service URL without `/csc/v1`, gets
 * its token and its SAD from its user's own code, and treats every answer but 2xx as fatal without reading it.
 */

/** RSASSA-PSS-params as asn1crypto writes them for pyHanko: SHA-256, MGF1 with it, the longest salt that RSA-2048 has room for. */
const longestSalt =
  '3035a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a204020200de';

t.test('pyHanko', async (t) => {
  const service = await startService(t);
  const login = async (account: Account) => {
    const headers: [string, string][] = [
      ['Host', '{host}'],
      ['Authorization', basicOf(account)],
      ['Content-Type', 'application/json'],
      ['Content-Length', '{length}'],
    ];
    return (await replay(`${service.csc}/auth/login`, headers, '{}')).json().access_token as string;
  };
  const post = async (method: string, token: string, body: object) =>
    replay(
      `${service.origin}/csc/v1/${method}`,
      [
        ['Host', '{host}'],
        ['Authorization', `Bearer ${token}`],
        ['Accept', '*/*'],
        ['Accept-Encoding', 'gzip, deflate'],
        ['User-Agent', 'Python/3.12 aiohttp/3.9.5'],
        ['Content-Length', '{length}'],
        ['Content-Type', 'application/json'],
      ],
      pythonJson(body),
    );
  const raised = async (answer: ReturnType<typeof post>) => {
    const { status, text, json } = await answer;
    if (status >= 300) throw new Error(`ClientResponseError ${status}: ${text}`);
    return json();
  };

  const rsa = await service.account({ keyType: 'RSA-2048' });
  const token = await login(rsa);
  const { credentialID } = rsa;
  const info = await raised(post('credentials/info', token, { credentialID, certificates: 'chain', certInfo: false }));
  const [certificate] = info.cert.certificates;

  await t.test('credentials/info: signer first, mechanisms by OID, numbers', async (t) => {
    t.same(info.cert.certificates, rsa.chain, "the signer's certificate is the first of the chain");
    t.ok(Array.isArray(info.key.algo));
    for (const oid of ['1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13']) {
      t.ok(info.key.algo.includes(oid), `${oid}, or pyHanko refuses its default mechanism`);
    }
    t.ok(info.key.algo.includes('1.2.840.113549.1.1.10'), 'or prefer_pss is refused');
    t.ok(Number.parseInt(info.multisign, 10) >= 1);
    t.ok([1, 2].includes(Number.parseInt(info.SCAL, 10)));
  });

  /** `format_csc_auth_request`: its order of members, no nulls. */
  const authorize = async (account: typeof rsa, as: string, hash: string[], more: object = {}) => {
    const body = { credentialID: account.credentialID, hash, numSignatures: hash.length, PIN: account.pin };
    const answer = await raised(post('credentials/authorize', as, { ...body, OTP: await account.nextCode(), ...more }));
    t.equal(typeof answer.SAD, 'string');
    t.ok(Number.isInteger(answer.expiresIn ?? 3600));
    return answer.SAD as string;
  };

  await t.test('a batch: three documents under one SAD, in their order', async (t) => {
    const documents = ['một', 'hai', 'ba'];
    const hash = documents.map((text) => digestOf(text));
    const SAD = await authorize(rsa, token, hash, { description: 'Học bạ lớp 9A', clientData: 'x' });
    const answer = await raised(
      post('signatures/signHash', token, {
        ...{ credentialID, SAD, hashAlgo: '2.16.840.1.101.3.4.2.1', signAlgo: '1.2.840.113549.1.1.11', hash },
        clientData: 'y',
      }),
    );
    t.equal(answer.signatures.length, documents.length);
    for (const [n, text] of documents.entries()) t.ok(fits(certificate, text, answer.signatures[n]), text);
  });

  await t.test('prefer_pss: the longest salt that the key has room for is honoured', async (t) => {
    const hash = [digestOf('tài liệu')];
    const SAD = await authorize(rsa, token, hash);
    const signAlgoParams = Buffer.from(longestSalt, 'hex').toString('base64');
    const { signatures } = await raised(
      post('signatures/signHash', token, {
        ...{
          credentialID,
          SAD,
          hashAlgo: '2.16.840.1.101.3.4.2.1',
          signAlgo: '1.2.840.113549.1.1.10',
          hash,
          signAlgoParams,
        },
      }),
    );
    t.ok(fits(certificate, 'tài liệu', signatures[0], 'sha256', 222));
    t.notOk(fits(certificate, 'tài liệu', signatures[0], 'sha256', 32));
  });

  await t.test('ECDSA: its bytes go into the CMS as they come, so they are DER', async (t) => {
    const ec = await service.account({ keyType: 'EC-P384' });
    const as = await login(ec);
    const hash = [digestOf('tài liệu', 'sha384')];
    const SAD = await authorize(ec, as, hash);
    const { signatures } = await raised(
      post('signatures/signHash', as, {
        ...{
          credentialID: ec.credentialID,
          SAD,
          hashAlgo: '2.16.840.1.101.3.4.2.2',
          signAlgo: '1.2.840.10045.4.3.3',
          hash,
        },
      }),
    );
    t.equal(Buffer.from(signatures[0], 'base64')[0], 0x30);
    t.ok(fits(ec.chain[0] ?? '', 'tài liệu', signatures[0], 'sha384'));
  });

  await t.test('without hash pinning it could not go on: SCAL 2 wants the hashes', async (t) => {
    const body = { credentialID, numSignatures: 1, PIN: rsa.pin, OTP: await rsa.nextCode() };
    const { status, json } = await post('credentials/authorize', token, body);
    t.equal(status, 400);
    t.equal(json().error_description, 'Missing (or invalid type) array parameter hash');
  });
});
