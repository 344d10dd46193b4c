import { spawnSync } from 'node:child_process';
import { createHash, createHmac, X509Certificate } from 'node:crypto';
import { readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { accountStore } from '../../src/cli/sandbox.ts';
import { type Config, pathsOf } from '../../src/config.ts';
import { readTimestampToken } from '../../src/pki/tsp-token.ts';
import { callRaw, startSandbox } from '../helpers/sandbox.ts';
import { shortDirectory } from '../helpers/temp.ts';

const ecdsaWithSha256 = '1.2.840.10045.4.3.2';
const hashOf = (text: string, algorithm = 'sha256') => createHash(algorithm).update(text).digest('base64');
const refusal = (error: string, error_description: string) => ({ status: 400, body: { error, error_description } });
const invalidRequest = (text: string) => refusal('invalid_request', text);

t.test('CSC v1 with real processes', async (t) => {
  const sandbox = await startSandbox(t);
  const { csc, file } = sandbox;
  const person = await sandbox.newPerson(['EC-P256', 'RSA-2048']);
  const token = await person.login();
  const [credentialID] = person.credentialIDs;
  const call = (method: string, body: unknown, as = token) => callRaw(`${csc}/${method}`, as, body);
  const authorize = (changes: object) =>
    call('credentials/authorize', {
      credentialID,
      numSignatures: 1,
      hash: [hashOf('a')],
      PIN: person.holder.pin,
      OTP: '000000',
      ...changes,
    });

  await t.test('sandbox.json is what a client needs, and only its owner reads it', async (t) => {
    t.equal(statSync(join(sandbox.config.directory, 'sandbox.json')).mode & 0o777, 0o600);
    t.equal(file.csc.v1, `${file.baseUrl}/csc/v1`);
    t.match(file.subscriber, { userID: /./, password: /./, pin: /.{8}/, totpSecret: /^[A-Z2-7]{32}$/ });
    t.same(
      file.credentials.map(({ keyType, otp }) => [keyType, otp]),
      [
        ['RSA-2048', 'totp'],
        ['EC-P256', 'totp'],
        ['RSA-3072', 'totp'],
        ['EC-P384', 'email'],
      ],
    );
    t.same(file.client, { clientID: 'direct' });
    t.equal(
      new X509Certificate(file.caCertificate).checkIssued(new X509Certificate(file.caCertificate)),
      true,
      'the root',
    );
    const mine = await fetch(`${csc}/auth/login`, { method: 'POST', headers: basic(file.subscriber), body: '{}' });
    const { access_token } = (await mine.json()) as { access_token: string };
    const { body } = await call('credentials/list', {}, access_token);
    t.same(
      body.credentialIDs,
      file.credentials.map((credential) => credential.credentialID),
    );
  });

  await t.test('info names exactly the methods that answer', async (t) => {
    const { body } = await callRaw(`${csc}/info`, undefined, {});
    t.match(body, { specs: '1.0.4.0', region: 'VN', authType: ['basic'] });
    for (const method of body.methods)
      t.notSame((await callRaw(`${csc}/${method}`, undefined, {})).status, 501, method);
    t.equal((await callRaw(`${csc}/signatures/nothing`, undefined, {})).status, 501, 'one that is not named');
  });

  await t.test(
    'signatures/timestamp: a token over the hash, with the nonce, by a certificate of the chain',
    async (t) => {
      const { body: info } = await callRaw(`${csc}/info`, undefined, {});
      t.ok(info.methods.includes('signatures/timestamp'));
      const asked = { hash: hashOf('a'), hashAlgo: '2.16.840.1.101.3.4.2.1', nonce: '5A3F0C9B7E21D448' };
      const { status, body } = await call('signatures/timestamp', asked);
      t.equal(status, 200);
      const token = readTimestampToken(Buffer.from(body.timestamp, 'base64'));
      t.same([token.digest, token.imprint.toString('base64')], ['SHA-256', asked.hash]);
      t.equal(token.nonce?.toString('hex').toUpperCase(), asked.nonce);
      t.ok(Math.abs(token.genTime.getTime() - Date.now()) < 60_000);
      const [own, ...issuers] = [token.certificate!, ...token.signed.certificates].map(
        (der) => new X509Certificate(der),
      );
      const root = new X509Certificate(file.caCertificate);
      t.ok([...issuers, root].some((issuer) => own!.checkIssued(issuer) && own!.verify(issuer.publicKey)));
    },
  );

  await t.test('credentials/info: the certificate, its chain to the root, and the Vietnamese name', async (t) => {
    const { body } = await call('credentials/info', {
      credentialID,
      certificates: 'chain',
      certInfo: true,
      authInfo: true,
    });
    const [own, issuing, root] = body.cert.certificates.map(
      (der: string) => new X509Certificate(Buffer.from(der, 'base64')),
    );
    t.ok(
      own.checkIssued(issuing) &&
        own.verify(issuing.publicKey) &&
        issuing.checkIssued(root) &&
        issuing.verify(root.publicKey),
    );
    t.equal(root.raw.toString('base64'), new X509Certificate(file.caCertificate).raw.toString('base64'));
    t.match(body, {
      key: { status: 'enabled', len: 256, curve: '1.2.840.10045.3.1.7' },
      ...{ authMode: 'explicit', SCAL: '2', multisign: 1000 },
      cert: { status: 'valid', subjectDN: /CN=Lê Thị /, validTo: /^\d{14}Z$/ },
      PIN: { presence: 'true' },
      OTP: { presence: 'true', type: 'offline', provider: 'totp' },
    });
    t.equal(body.key.algo[0], ecdsaWithSha256);
  });

  await t.test("the README's first integration runs as it stands", async (t) => {
    const checkout = join(import.meta.dirname, '..', '..');
    const readme = readFileSync(join(checkout, 'README.md'), 'utf8');
    const block = /```sh\n(get\(\)[\s\S]*?)```/.exec(readme)?.[1] ?? '';
    const directory = shortDirectory(t);
    symlinkSync(join(checkout, 'scripts'), join(directory, 'scripts'));
    await untilFreeCode(sandbox.config);
    const env = { PATH: process.env.PATH, KYSO_DIR: sandbox.config.directory };
    const run = spawnSync('bash', ['--norc', '-euo', 'pipefail', '-c', block], {
      cwd: directory,
      env,
      encoding: 'utf8',
    });
    t.match(run.stdout, /Verified OK/, run.stderr);
    t.equal(run.status, 0);
  });

  await t.test("S19: somebody else's credential looks like one that does not exist", async (t) => {
    const foreign = file.credentials[0]!.credentialID;
    for (const [method, body] of [
      ['credentials/info', {}],
      ['credentials/authorize', { numSignatures: 1, hash: [hashOf('a')], PIN: person.holder.pin, OTP: '000000' }],
    ] as const) {
      const [theirs, none] = await Promise.all(
        [foreign, 'A'.repeat(22)].map((id) => call(method, { ...body, credentialID: id })),
      );
      t.match(theirs, invalidRequest('Invalid parameter credentialID'), method);
      t.same(theirs!.body, none!.body);
    }
  });

  await t.test('factors: wrong ones are refused by name, and a replayed code opens nothing', async (t) => {
    t.match(await authorize({ OTP: '000000' }), refusal('invalid_otp', 'The OTP is invalid'));
    const OTP = await person.nextCode();
    t.match(await authorize({ OTP, PIN: 'wrong-pin-1' }), refusal('invalid_pin', 'The PIN is invalid'));
    t.match(await authorize({ OTP }), refusal('invalid_otp', 'The OTP is invalid'), 'its step is claimed');
  });

  await t.test('S9, S25: a SAD signs its own hashes, with algorithms that fit, for its own login', async (t) => {
    const hash = [hashOf('a'), hashOf('b')];
    const { body } = await authorize({ hash, numSignatures: 2, OTP: await person.nextCode() });
    const sign = (changes: object, as = token) =>
      call('signatures/signHash', { credentialID, SAD: body.SAD, hash, signAlgo: ecdsaWithSha256, ...changes }, as);

    t.match(await sign({ SAD: `${body.SAD}x` }), invalidRequest('Invalid parameter SAD'));
    t.match(await sign({ hash: [hashOf('c')] }), invalidRequest('Hash is not authorized by the SAD.'));
    t.match(await sign({ hash: [hashOf('a'), hashOf('a')] }), invalidRequest('Hash is not authorized by the SAD.'));
    t.match(await sign({ signAlgo: '1.2.840.10045.4.3.3' }), invalidRequest('Invalid digest value length'));
    t.match(
      await sign({ signAlgo: '1.2.840.113549.1.1.11' }),
      invalidRequest('Invalid parameter signAlgo'),
      'RSA with an EC key',
    );
    t.match(
      await sign({ credentialID: person.credentialIDs[1] }),
      invalidRequest('Invalid parameter SAD'),
      'another credential of the same person',
    );
    t.match(
      await sign({ credentialID: file.credentials[0]!.credentialID }),
      invalidRequest('Invalid parameter credentialID'),
    );
    t.match(
      await sign({}, await person.login()),
      invalidRequest('Invalid parameter SAD'),
      'another login of the same person',
    );
    const stranger = await sandbox.newPerson();
    t.match(await sign({}, await stranger.login()), invalidRequest('Invalid parameter SAD'), 'another person');

    const good = await sign({ hash: hash.toReversed() });
    t.equal(good.status, 200, 'after all that, nothing was spent');
    t.equal(good.body.signatures.length, 2);
    t.match(await sign({}), invalidRequest('Invalid parameter SAD'), 'and now it is');
  });

  await t.test('S45: a code by e-mail goes to its owner, and is good for its credential and login, once', async (t) => {
    const byMail = await sandbox.newPerson([
      { keyType: 'EC-P384', otp: 'email' },
      { keyType: 'RSA-3072', otp: 'totp' },
    ]);
    const session = await byMail.login();
    const [online, offline] = byMail.credentialIDs;
    const info = await call('credentials/info', { credentialID: online, authInfo: true }, session);
    t.match(info.body, { key: { len: 384, curve: '1.3.132.0.34' }, OTP: { presence: 'true', type: 'online' } });
    t.equal((await call('credentials/sendOTP', { credentialID: offline }, session)).status, 400);
    const sent = await call('credentials/sendOTP', { credentialID: online }, session);
    t.same([sent.status, sent.body], [204, undefined]);
    t.equal(
      (await call('credentials/sendOTP', { credentialID: online }, session)).status,
      429,
      'not twice in a moment',
    );
    const isCode = ({ subject }: { subject: string }) => subject.includes('one-time code');
    const OTP = /\b\d{6}\b/.exec((await byMail.message('email', isCode)).text)?.[0];
    const hash = [hashOf('a', 'sha384')];
    const ask = (as: string) =>
      call('credentials/authorize', { credentialID: online, numSignatures: 1, hash, PIN: byMail.holder.pin, OTP }, as);
    t.match(await ask(await byMail.login()), refusal('invalid_otp', 'The OTP is invalid'), 'another login');
    const { status, body } = await ask(session);
    t.equal(status, 200);
    t.match(await ask(session), refusal('invalid_otp', 'The OTP is invalid'), 'used');
    const extend = { credentialID: online, SAD: body.SAD, hash };
    const extended = await call('credentials/extendTransaction', extend, session);
    t.equal(extended.status, 200);
    const sign = (SAD: string) =>
      call('signatures/signHash', { credentialID: online, SAD, hash, signAlgo: '1.2.840.10045.4.3.3' }, session);
    t.match(await sign(body.SAD), invalidRequest('Invalid parameter SAD'), 'the SAD before is void');
    t.equal((await sign(extended.body.SAD)).status, 200);
    const isNotice = ({ subject }: { subject: string }) => subject.includes('was used');
    t.match(await byMail.message('email', isNotice), { text: /1 chữ ký/ }, 'and its owner is told');
  });

  await t.test('freeze stops signing at once, and only its holder lifts it', async (t) => {
    const holder = await sandbox.newPerson();
    const session = await holder.login();
    const { userID, password, pin } = holder.holder;
    const account = `${sandbox.baseUrl}/subscriber/v1`;
    const own = (await callRaw(`${account}/login`, undefined, { userID, password })).body.access_token;
    t.equal((await call('credentials/list', {}, own)).status, 401, 'S35: not a token for CSC');
    t.equal((await callRaw(`${account}/freeze`, session, {})).status, 401, 'nor the other way round');
    const request = { credentialID: holder.credentialIDs[0], numSignatures: 1, hash: [hashOf('a')], PIN: pin };
    const { body } = await call('credentials/authorize', { ...request, OTP: await holder.nextCode() }, session);
    t.equal((await callRaw(`${account}/freeze`, own, {})).status, 204);
    const sign = {
      credentialID: holder.credentialIDs[0],
      SAD: body.SAD,
      hash: [hashOf('a')],
      signAlgo: ecdsaWithSha256,
    };
    t.equal((await call('signatures/signHash', sign, session)).status, 400);
    t.match(
      await call('credentials/authorize', { ...request, OTP: '000000' }, session),
      invalidRequest('The credential identified by credentialID is disabled'),
    );
    const info = await call('credentials/info', { credentialID: holder.credentialIDs[0] }, session);
    t.match(info.body, { key: { status: 'disabled' }, cert: { status: 'valid' } }, 'the certificate stays good');
    t.equal((await callRaw(`${account}/unfreeze`, own, { pin, otp: await holder.nextCode() })).status, 204);
    t.equal((await call('signatures/signHash', sign, session)).status, 400, 'a SAD from before stays void');
  });

  await t.test('S35: forged, foreign and mangled access tokens answer 401 with a challenge', async (t) => {
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const otherKey = (text: string) => createHmac('sha256', 'k').update(text).digest('base64url');
    const forged = {
      'alg none': `${encode({ ...JSON.parse(Buffer.from(header, 'base64url').toString()), alg: 'none' })}.${payload}.`,
      'another key': `${header}.${payload}.${otherKey(`${header}.${payload}`)}`,
      'another subscriber': `${header}.${encode({ ...claims, sub: 'x' })}.${signature}`,
      'not a token': 'abc.def.ghi',
    };
    for (const [name, value] of Object.entries(forged)) {
      const answer = await call('credentials/list', {}, value);
      t.equal(answer.status, 401, name);
      t.match(answer.headers.get('www-authenticate'), /^Bearer realm="csc", error="invalid_token"/);
    }
    t.equal(
      (await callRaw(`${csc}/credentials/list`, undefined, {})).status,
      400,
      'without a header: 400, as CSC says',
    );
  });

  await t.test('S4, S62: secrets stay out of everything that is written', async (t) => {
    const paths = pathsOf(sandbox.config);
    const written = ['signer', 'ca', 'api', 'notify'].flatMap((name) =>
      ['store.db', 'store.db-wal'].map((suffix) => readFileSync(join(paths.own(name as 'api'), suffix), 'latin1')),
    );
    for (const secret of [person.holder.pin, person.holder.password, person.holder.totpSecret, token]) {
      t.notOk(written.some((content) => content.includes(secret)));
    }
  });
});

/** Until the code that the first subscriber's app shows is not the one with which the account was activated. */
async function untilFreeCode(config: Config): Promise<void> {
  const { lastStep = 0 } = accountStore(config).accounts.subscriber ?? {};
  while (Math.floor(Date.now() / 30_000) <= lastStep) await delay(500);
}

function basic({ userID, password }: { userID: string; password: string }) {
  const credentials = Buffer.from(`${userID}:${password}`).toString('base64');
  return { authorization: `Basic ${credentials}`, 'content-type': 'application/json' };
}
