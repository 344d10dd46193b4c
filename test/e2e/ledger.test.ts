import { createHash, createPublicKey, randomBytes, verify, X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import { startPostgresql } from '../helpers/postgresql.ts';
import { callRaw, type Person, type Sandbox, startSandbox } from '../helpers/sandbox.ts';

const sha256WithRsa = '1.2.840.113549.1.1.11';
const ecdsaWithSha256 = '1.2.840.10045.4.3.2';

const documents = (count: number) => Array.from({ length: count }, () => randomBytes(40));
const hashOf = (document: Buffer) => createHash('sha256').update(document).digest('base64');

async function authorize(sandbox: Sandbox, person: Person, token: string, hash: string[], otp?: string) {
  return callRaw(`${sandbox.csc}/credentials/authorize`, token, {
    ...{ credentialID: person.credentialIDs[0], numSignatures: hash.length, hash },
    ...{ PIN: person.holder.pin, OTP: otp ?? (await person.nextCode()) },
  });
}

function signHash(
  sandbox: Sandbox,
  person: Person,
  token: string,
  SAD: string,
  hash: string[],
  signAlgo = ecdsaWithSha256,
) {
  return callRaw(`${sandbox.csc}/signatures/signHash`, token, {
    credentialID: person.credentialIDs[0],
    SAD,
    hash,
    signAlgo,
  });
}

async function publicKeyOf(sandbox: Sandbox, person: Person, token: string) {
  const info = await callRaw(`${sandbox.csc}/credentials/info`, token, { credentialID: person.credentialIDs[0] });
  return new X509Certificate(Buffer.from(info.body.cert.certificates[0], 'base64')).publicKey;
}

async function onBothEngines(t: Test, body: (t: Test, sandbox: Sandbox) => Promise<void>) {
  const cluster = await startPostgresql();
  t.teardown(() => cluster.stop());
  const url = await cluster.url();
  await t.test('sqlite', async (t) => body(t, await startSandbox(t)));
  await t.test('postgresql', async (t) =>
    body(t, await startSandbox(t, { engine: 'postgresql', signer: url, ca: url, api: url, notify: url })),
  );
}

t.test('the ledger with real processes', async (t) => {
  await onBothEngines(t, async (t, sandbox) => {
    await t.test('S7: 100 parallel signHash with one SAD for one hash make exactly one signature', async (t) => {
      const person = await sandbox.newPerson();
      const token = await person.login();
      const [document] = documents(1);
      const hash = [hashOf(document!)];
      const { status, body } = await authorize(sandbox, person, token, hash);
      t.equal(status, 200);
      t.ok(body.expiresIn <= 300, 'S8');
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => signHash(sandbox, person, token, body.SAD, hash)),
      );
      const good = answers.filter((answer) => answer.status === 200);
      t.equal(good.length, 1);
      t.same(
        new Set(
          answers
            .filter((answer) => answer.status !== 200)
            .map((answer) => JSON.stringify([answer.status, answer.body])),
        ),
        new Set([JSON.stringify([400, { error: 'invalid_request', error_description: 'Invalid parameter SAD' }])]),
      );
      const signature = Buffer.from(good[0]!.body.signatures[0], 'base64');
      t.ok(
        verify('sha256', document!, await publicKeyOf(sandbox, person, token), signature),
        'S12: and it is a good one',
      );
    });

    await t.test(
      'S41: of 100 parallel authorize with one TOTP code exactly one succeeds, and the next code works',
      async (t) => {
        const person = await sandbox.newPerson();
        const token = await person.login();
        const otp = await person.nextCode();
        const hash = [hashOf(randomBytes(8))];
        const answers = await Promise.all(
          Array.from({ length: 100 }, () => authorize(sandbox, person, token, hash, otp)),
        );
        t.equal(answers.filter((answer) => answer.status === 200).length, 1);
        const refused = answers.filter((answer) => answer.status !== 200);
        t.ok(refused.every((answer) => answer.status === 400 && answer.body.error === 'invalid_otp'));
        t.equal((await authorize(sandbox, person, token, hash)).status, 200, 'replays were not counted as guesses');
      },
    );

    await t.test('S7: parallel partial spends never exceed what was authorized', async (t) => {
      const person = await sandbox.newPerson();
      const token = await person.login();
      const hashes = documents(10).map(hashOf);
      const { body } = await authorize(sandbox, person, token, hashes);
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, n) =>
          signHash(
            sandbox,
            person,
            token,
            body.SAD,
            [hashes[n % 10]!, hashes[(n * 3 + 1) % 10]!].slice(0, 1 + (n % 2)),
          ),
        ),
      );
      const signed = answers.filter((answer) => answer.status === 200).flatMap((answer) => answer.body.signatures);
      t.ok(signed.length <= 10, `${signed.length} of 10`);
      const rest = await Promise.all(hashes.map((hash) => signHash(sandbox, person, token, body.SAD, [hash])));
      const total = signed.length + rest.filter((answer) => answer.status === 200).length;
      t.equal(total, 10, 'and each hash could be signed once');
      t.equal((await signHash(sandbox, person, token, body.SAD, [hashes[0]!])).status, 400, 'then the SAD is spent');
    });
  });
});

t.test('a batch of 1,000 hashes under one SAD is answered in request order, each signature good', async (t) => {
  const sandbox = await startSandbox(t);
  const person = await sandbox.newPerson(['RSA-2048']);
  const token = await person.login();
  const all = documents(1000);
  const { body } = await authorize(sandbox, person, token, all.map(hashOf));
  const shuffled = all.toReversed();
  const { status, body: answer } = await signHash(
    sandbox,
    person,
    token,
    body.SAD,
    shuffled.map(hashOf),
    sha256WithRsa,
  );
  t.equal(status, 200);
  const key = createPublicKey((await publicKeyOf(sandbox, person, token)).export({ type: 'spki', format: 'pem' }));
  const good = shuffled.filter((document, n) =>
    verify('sha256', document, key, Buffer.from(answer.signatures[n], 'base64')),
  );
  t.equal(good.length, 1000);
  t.equal(new Set(answer.signatures).size, 1000);
});
