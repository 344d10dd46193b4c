import { constants, createHash, verify, X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import { pssParams } from '../../src/crypto/algorithms.ts';
import type { ClientSwitches } from '../../src/ipc/api-contract.ts';
import { changeClient } from '../../src/store/api/clients.ts';
import { base64, type Client, randomHashes, startWithSigner, type World } from './with-signer.ts';

const ecdsaWithSha256 = '1.2.840.10045.4.3.2';
const pss = '1.2.840.113549.1.1.10';
const sha256 = '2.16.840.1.101.3.4.2.1';

t.test('CSC v1 over HTTP in front of a real signer', async (t) => {
  const world = await startWithSigner(t);
  const allow = (switches: Partial<ClientSwitches>) =>
    world.store.write((tx) => changeClient(tx, 'direct', { switches: JSON.stringify(switches) }));
  await t.test('pages stay what they were while credentials are made', (t) => paging(t, world));
  await t.test('RSASSA-PSS with parameters, and without them for a client that may', (t) =>
    signingPss(t, world, allow),
  );
  await t.test('a code by e-mail authorizes, hashes are signed in several calls', (t) => byMail(t, world));
  await t.test('open slots are filled by extendTransaction', (t) => openSlots(t, world, allow));
});

async function paging(t: Test, { newClient, world }: World): Promise<void> {
  const client = await newClient();
  const expected = [client.credentialID];
  // Some of them in the same millisecond.
  for (let n = 0; n < 3; n++) expected.push((await client.newCredential()).credentialID);
  const list = async (body: object) => (await client.csc('credentials/list', body)).json();
  const first = await list({ maxResults: 2 });
  t.equal(first.credentialIDs.length, 2);
  await world.advance(1);
  const last = (await client.newCredential()).credentialID;
  const rest = await list({ maxResults: 100, pageToken: first.nextPageToken });
  t.equal(rest.nextPageToken, undefined, 'the last page');
  t.equal(rest.credentialIDs.at(-1), last, 'the new one comes last');
  const seen = [...first.credentialIDs, ...rest.credentialIDs];
  t.same(seen.toSorted(), [...expected, last].toSorted(), 'each once');
  t.same(await list({ maxResults: 2 }), first, 'the same page again');

  const stranger = await newClient();
  const foreign = await stranger.csc('credentials/list', { pageToken: first.nextPageToken });
  t.equal(foreign.json().error_description, 'Invalid parameter pageToken', 'a page token of somebody else');
}

async function signingPss(t: Test, { newClient }: World, allow: (switches: object) => Promise<unknown>): Promise<void> {
  const client = await newClient({ keyType: 'RSA-2048' });
  const info = (await client.csc('credentials/info', { certificates: 'single' })).json();
  t.ok(info.key.algo.includes(pss));
  const key = new X509Certificate(Buffer.from(info.cert.certificates[0], 'base64')).publicKey;
  const data = Buffer.from('một văn bản');
  const hash = createHash('sha256').update(data).digest();
  const good = async (signature: string, saltLength: number) =>
    verify(
      'sha256',
      data,
      { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength },
      Buffer.from(signature, 'base64'),
    );
  const sign = async (SAD: string, more: object) =>
    (await client.csc('signatures/signHash', { SAD, hash: base64([hash]), signAlgo: pss, ...more })).json();

  const usual = pssParams('SHA-256');
  const shortSalt = Buffer.from(usual.toString('hex').replace(/20$/, '10'), 'hex');
  for (const [params, saltLength] of [
    [usual, 32],
    [shortSalt, 16],
  ] as const) {
    const SAD = await client.sadFor([hash]);
    const { signatures } = await sign(SAD, { signAlgoParams: params.toString('base64') });
    t.ok(await good(signatures[0], saltLength), `a salt of ${saltLength} bytes, as asked for`);
  }
  const SAD = await client.sadFor([hash]);
  const refused = await sign(SAD, { hashAlgo: sha256 });
  t.equal(refused.error_description, 'Missing (or invalid type) string parameter signAlgoParams');
  await allow({ pssDefaults: true });
  const { signatures } = await sign(SAD, { hashAlgo: sha256 });
  t.ok(await good(signatures[0], 32), 'the refused try has spent nothing');
  await allow({});
}

async function byMail(t: Test, { newClient }: World): Promise<void> {
  const client = await newClient({ otp: 'email' });
  const { OTP } = (await client.csc('credentials/info', { authInfo: true, lang: 'vi' })).json();
  t.match(OTP, { type: 'online', provider: 'email', label: 'Mã xác thực một lần' });
  const hashes = randomHashes(3);
  const SAD = await client.sadFor(hashes);
  const sign = async (...some: Buffer[]) =>
    (await client.csc('signatures/signHash', { SAD, hash: base64(some), signAlgo: ecdsaWithSha256 })).json();
  t.equal((await sign(hashes[2]!, hashes[0]!)).signatures.length, 2);
  t.equal((await sign(hashes[1]!)).signatures.length, 1);
  t.equal((await sign(hashes[1]!)).error_description, 'Invalid parameter SAD', 'all of it is spent');
}

async function openSlots(t: Test, { newClient }: World, allow: (switches: object) => Promise<unknown>): Promise<void> {
  const client: Client = await newClient();
  const [named, later, surplus] = randomHashes(3);
  await allow({ openSlots: true });
  const SAD = await client.sadFor([named!], { numSignatures: 2 });
  const call = async (method: string, SAD: string, hash: Buffer[]) =>
    (await client.csc(method, { SAD, hash: base64(hash), signAlgo: ecdsaWithSha256 })).json();
  const extend = (SAD: string, ...hash: Buffer[]) => call('credentials/extendTransaction', SAD, hash);
  const sign = (SAD: string, ...hash: Buffer[]) => call('signatures/signHash', SAD, hash);
  t.equal((await sign(SAD, later!)).error_description, 'Hash is not authorized by the SAD.', 'no slot signs by itself');
  const { SAD: next } = await extend(SAD, later!);
  t.equal((await extend(next, surplus!)).error_description, 'Hash is not authorized by the SAD.', 'no slot is left');
  t.equal((await sign(SAD, named!)).error_description, 'Invalid parameter SAD', 'the old SAD is replaced');
  t.equal((await sign(next, later!, named!)).signatures.length, 2);
}
