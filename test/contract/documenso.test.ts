import t from 'tap';
import Type, { type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { digestOf } from './replay.ts';
import { type Account, basicOf, fits, startService } from './service.ts';

/*
 * documenso (TypeScript, fetch). It only knows OAuth, for the service token and for the SAD; Kyso's v1 has no OAuth yet, so
 * it does not get further than `info` by itself. A basic login and credentials/authorize stand in for its two rounds; the
 * rest is what it sends and what its Zod schemas want.
 */

const text = Type.String();
const optional = Type.Optional;
const presence = Type.Enum(['true', 'false', 'optional']);
const schemas = {
  info: Type.Object({
    ...{ specs: text, name: text, logo: text, region: text, lang: text, description: text },
    ...{ authType: Type.Array(text), oauth2: optional(text), methods: Type.Array(text) },
  }),
  'credentials/list': Type.Object({ credentialIDs: Type.Array(text), nextPageToken: optional(text) }),
  'credentials/info': Type.Object({
    description: optional(text),
    key: Type.Object({
      ...{ status: Type.Enum(['enabled', 'disabled']), algo: Type.Array(text) },
      ...{ len: Type.Integer({ exclusiveMinimum: 0 }), curve: optional(text) },
    }),
    cert: Type.Object({
      status: optional(Type.Enum(['valid', 'expired', 'revoked', 'suspended'])),
      certificates: Type.Array(text),
      ...{ issuerDN: optional(text), serialNumber: optional(text), subjectDN: optional(text) },
      ...{ validFrom: Type.String({ pattern: '^\\d{14}Z$' }), validTo: Type.String({ pattern: '^\\d{14}Z$' }) },
    }),
    authMode: Type.Enum(['implicit', 'explicit', 'oauth2code']),
    SCAL: optional(Type.Enum(['1', '2'])),
    PIN: optional(Type.Object({ presence })),
    OTP: optional(Type.Object({ presence })),
    multisign: Type.Integer({ minimum: 1 }),
    lang: optional(text),
  }),
  'signatures/signHash': Type.Object({ signatures: Type.Array(text, { minItems: 1 }) }),
} satisfies Record<string, TSchema>;

/** Its table of `key.algo`, and which digest each implies; ECDSA before RSA, then the strongest digest first. */
const ranking: [oid: string, digest: 'sha256' | 'sha384' | 'sha512'][] = [
  ['1.2.840.10045.4.3.4', 'sha512'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.1', 'sha256'],
  ['1.2.840.113549.1.1.10', 'sha256'],
];
const hashOids = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};
const curves = ['1.2.840.10045.3.1.7', '1.3.132.0.34', '1.3.132.0.35'];

t.test('documenso', async (t) => {
  const service = await startService(t);
  /** Its base URL may end with a slash; `joinCscUrl` takes it away. */
  const post = async <M extends keyof typeof schemas>(method: M, body: object, accessToken?: string) => {
    const response = await fetch(`${service.csc}/${method}`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json',
        ...(accessToken ? { Authorization: `Bearer ${accessToken}` } : {}),
      },
      body: JSON.stringify(body),
    });
    const json: unknown = await response.json();
    if (!response.ok) {
      const { error, error_description: why } = json as { error: string; error_description: string };
      throw new Error(`HTTP ${response.status} — ${error}: ${why}`);
    }
    const schema = Compile(schemas[method]);
    if (!schema.Check(json)) throw new Error(`schema: ${[...schema.Errors(json)][0]?.instancePath}`);
    return json as Static<(typeof schemas)[M]>;
  };
  const tokenOf = async (account: Account): Promise<string> => {
    const headers = { Authorization: basicOf(account), 'Content-Type': 'application/json' };
    const answer = await fetch(`${service.csc}/auth/login`, { method: 'POST', headers, body: '{}' });
    return ((await answer.json()) as { access_token: string }).access_token;
  };

  /** In the place of its OAuth round of scope `credential`. */
  const authorize = async (account: Account, token: string, hash: string[]): Promise<string> => {
    const factors = { PIN: account.pin, OTP: await account.nextCode() };
    const { credentialID } = account;
    const answer = await fetch(`${service.csc}/credentials/authorize`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ credentialID, numSignatures: hash.length, hash, ...factors }),
    });
    return ((await answer.json()) as { SAD: string }).SAD;
  };

  await t.test('info: it stops here, since there is no oauth2', async (t) => {
    const info = await post('info', {});
    t.notOk(info.oauth2, 'CSC_PROVIDER_INFO_FAILED');
    t.notOk(info.authType.includes('oauth2code'), 'and info does not pretend');
    t.ok(
      info.methods.includes('signatures/timestamp'),
      'which it never calls: it keeps its own time-stamping authority',
    );
  });

  for (const keyType of ['EC-P256', 'EC-P384', 'EC-P521', 'RSA-2048', 'RSA-4096'] as const) {
    await t.test(`${keyType}: the first credential, the strongest algorithm, signatures by position`, async (t) => {
      const account = await service.account({ keyType });
      const token = await tokenOf(account);
      const { credentialIDs } = await post('credentials/list', {}, token);
      const [credentialID] = credentialIDs;
      const info = await post('credentials/info', { credentialID, certificates: 'chain', certInfo: true }, token);
      t.ok(info.cert.status === undefined || info.cert.status === 'valid');
      t.equal(info.key.status, 'enabled');
      const [signAlgo = '', digest = 'sha256'] = ranking.find(([oid]) => info.key.algo.includes(oid)) ?? [];
      if (keyType.startsWith('EC')) t.ok(curves.includes(info.key.curve ?? ''), 'a curve that it knows');
      else t.ok(info.key.len >= 2048);

      const documents = ['một', 'hai'];
      const hash = documents.map((document) => digestOf(document, digest));
      const SAD = await authorize(account, token, hash);
      const signing = { credentialID, SAD, hash, signAlgo, hashAlgo: hashOids[digest] };
      const { signatures } = await post('signatures/signHash', signing, token);
      t.equal(signatures.length, 2);
      for (const [n, document] of documents.entries()) {
        t.ok(fits(info.cert.certificates[0] ?? '', document, signatures[n] ?? '', digest), document);
      }
    });
  }

  await t.test('RSASSA-PSS without signAlgoParams: only for a client with pssDefaults', async (t) => {
    const account = await service.account({ keyType: 'RSA-2048' });
    const token = await tokenOf(account);
    const { credentialID } = account;
    const hash = [digestOf('ba')];
    const SAD = await authorize(account, token, hash);
    const signing = { credentialID, SAD, hash, signAlgo: '1.2.840.113549.1.1.10', hashAlgo: hashOids.sha256 };
    await t.rejects(
      post('signatures/signHash', signing, token),
      /Missing \(or invalid type\) string parameter signAlgoParams/,
      'as the table says',
    );
    await service.set({ pssDefaults: true });
    t.teardown(() => service.set({ pssDefaults: false }));
    const { signatures } = await post('signatures/signHash', signing, token);
    t.ok(fits(account.chain[0] ?? '', 'ba', signatures[0] ?? '', 'sha256', 32), 'hash of hashAlgo, salt of its length');
  });

  await t.test('errors are read from error and error_description', async (t) => {
    await t.rejects(post('credentials/list', {}, 'x.y.z'), /HTTP 401 — invalid_token: The token provided is not/);
  });
});
