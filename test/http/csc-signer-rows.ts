import type { LightMyRequestResponse } from 'fastify';
import type { Test } from 'tap';
import { statusOrder } from '../helpers/further-key.ts';
import { note } from './csc-reached.ts';
import { base64, type Client, randomHashes, startWithSigner, type World } from './with-signer.ts';

const minute = 60_000;
const ecdsaWithSha256 = '1.2.840.10045.4.3.2';
const ecdsaWithSha384 = '1.2.840.10045.4.3.3';
const rsaWithSha256 = '1.2.840.113549.1.1.11';
const pss = '1.2.840.113549.1.1.10';
const sha384 = '2.16.840.1.101.3.4.2.2';
const expired = "Signing certificate 'O=ỦY BAN NHÂN DÂN TỈNH QUẢNG NGÃI,CN=Nguyễn Thị Ánh' is expired.";
const disabled = 'The credential identified by credentialID is disabled';
const unknown = 'Invalid parameter credentialID';
const unauthorized = 'Hash is not authorized by the SAD.';
const locked = (kind: 'PIN' | 'OTP') => `${kind} locked`;

/** A code or PIN that is not this one. */
const another = (text: string) => `${text.slice(0, -1)}${text.endsWith('7') ? '8' : '7'}`;

/** The rows that only a signer can bring about, brought about by a real one. */
export async function signerRows(t: Test): Promise<void> {
  const world = await startWithSigner(t);
  const refuses = (t: Test) => refusals(t);
  const people = {
    app: await world.newClient(),
    mail: await world.newClient({ otp: 'email' }),
    rsa: await world.newClient({ keyType: 'RSA-2048' }),
    stranger: await world.newClient(),
  };
  await t.test('credentials/info and list', (t) => inspecting(refuses(t), people));
  await t.test('credentials/authorize', (t) => authorizing(refuses(t), world, people));
  await t.test('credentials/extendTransaction', (t) => extending(refuses(t), world, people));
  await t.test('signatures/signHash', (t) => signing(refuses(t), world, people));
  await t.test('credentials/sendOTP', (t) => sending(refuses(t), world, people));
  await t.test('credentials that may not sign', (t) => unusable(refuses(t), world));
}

type People = Record<'app' | 'mail' | 'rsa' | 'stranger', Client>;
type Refuses = (
  client: Client,
  method: string,
  body: object,
  text: string,
  error?: string,
) => Promise<LightMyRequestResponse>;

function refusals(t: Test): Refuses {
  return async (client, method, body, text, error = 'invalid_request') => {
    const answer = await client.csc(method, body);
    note(method, answer);
    t.same(answer.json(), { error, error_description: text }, `${method} ${JSON.stringify(body).slice(0, 100)}`);
    t.equal(answer.statusCode, error === 'too_many_requests' ? 429 : 400);
    return answer;
  };
}

async function inspecting(refuses: Refuses, { app, stranger }: People): Promise<void> {
  await refuses(app, 'credentials/info', { credentialID: stranger.credentialID }, unknown);
  await refuses(app, 'credentials/info', { credentialID: 'never-made' }, unknown);
}

async function authorizing(refuses: Refuses, { world }: World, { app, stranger }: People): Promise<void> {
  const [hash] = base64(randomHashes(1));
  const good = async () => ({ numSignatures: 1, hash: [hash], PIN: app.pin, OTP: await app.freshCode() });
  const method = 'credentials/authorize';
  await refuses(app, method, { ...(await good()), credentialID: stranger.credentialID }, unknown);
  const { OTP, ...rest } = await good();
  await refuses(
    app,
    method,
    { ...rest, OTP: another(OTP), PIN: another(app.pin) },
    'The OTP is invalid',
    'invalid_otp',
  );
  for (let tries = 0; tries < 5; tries++)
    await refuses(app, method, { ...(await good()), PIN: another(app.pin) }, 'The PIN is invalid', 'invalid_pin');
  await refuses(app, method, await good(), locked('PIN'));
  await world.advance(2 * minute);
  for (let tries = 0; tries < 5; tries++)
    await refuses(app, method, { ...rest, OTP: another(app.code()) }, 'The OTP is invalid', 'invalid_otp');
  await refuses(app, method, { ...rest, OTP: app.code() }, locked('OTP'));
  await world.advance(2 * minute);
}

async function extending(refuses: Refuses, { world }: World, { app, stranger }: People): Promise<void> {
  const method = 'credentials/extendTransaction';
  const [bound, other] = randomHashes(2);
  const SAD = await app.sadFor([bound!]);
  await refuses(app, method, { SAD: 'never-issued' }, 'Invalid parameter SAD');
  await refuses(stranger, method, { SAD }, 'Invalid parameter SAD');
  await refuses(app, method, { SAD, credentialID: stranger.credentialID }, unknown);
  await refuses(app, method, { SAD, hash: base64([other!]) }, unauthorized);
  await refuses(app, method, { SAD, hash: base64([bound!, bound!]) }, unauthorized);
  await refuses(app, method, { SAD, hash: base64(randomHashes(1, 48)) }, 'Invalid digest value length');
  const next = (await app.csc(method, { SAD, hash: base64([bound!]) })).json().SAD;
  await refuses(app, method, { SAD }, 'Invalid parameter SAD');
  await world.advance(5 * minute);
  await refuses(app, method, { SAD: next }, 'SAD expired');
}

async function signing(refuses: Refuses, { world }: World, { app, rsa, stranger }: People): Promise<void> {
  const method = 'signatures/signHash';
  const [bound, other] = randomHashes(2);
  const SAD = await app.sadFor([bound!]);
  const good = { SAD, hash: base64([bound!]), signAlgo: ecdsaWithSha256 };
  const unknownSad = 'Invalid parameter SAD';
  await refuses(app, method, { ...good, SAD: 'never-issued' }, unknownSad);
  await refuses(app, method, { ...good, SAD: 'never-issued', hash: [] }, unknownSad);
  await refuses(stranger, method, good, unknownSad);
  await refuses(stranger, method, { ...good, credentialID: undefined }, unknownSad);
  await refuses(app, method, { ...good, hash: [] }, 'Empty hash array');
  await refuses(app, method, { ...good, credentialID: stranger.credentialID }, unknown);
  await refuses(app, method, { ...good, hash: base64([other!]) }, unauthorized);
  await refuses(app, method, { ...good, hash: base64([other!]), signAlgo: undefined }, unauthorized);
  await refuses(app, method, { ...good, hash: base64([other!]), signAlgo: rsaWithSha256 }, unauthorized);
  await refuses(app, method, { ...good, signAlgo: rsaWithSha256 }, 'Invalid parameter signAlgo');
  await refuses(app, method, { ...good, signAlgo: ecdsaWithSha384 }, 'Invalid digest value length');

  const withRsa = { SAD: await rsa.sadFor([bound!]), hash: base64([bound!]), signAlgo: pss };
  for (const signAlgoParams of ['AAAA', sha1Defaults, longSalt])
    await refuses(rsa, method, { ...withRsa, signAlgoParams }, 'Invalid parameter signAlgoParams');
  await refuses(
    rsa,
    method,
    { ...withRsa, signAlgoParams: pssOfSha256, hashAlgo: sha384 },
    'Invalid parameter signAlgoParams',
  );

  await world.advance(5 * minute);
  await refuses(app, method, { ...good, signAlgo: rsaWithSha256 }, 'Invalid parameter signAlgo');
  await refuses(app, method, { ...good, hash: base64([other!]) }, unauthorized);
  await refuses(app, method, good, 'SAD expired');
}

const sha1Defaults = Buffer.from('3000', 'hex').toString('base64');

/** RSASSA-PSS-params: SHA-256, MGF1 with it, a salt of 32 bytes. */
const pssOfSha256 = 'MDSgDzANBglghkgBZQMEAgEFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgEFAKIDAgEg';

/** The same with a salt of 300 bytes, more than a key of 2048 bits has room for. */
const longSalt = Buffer.from(
  Buffer.from(pssOfSha256, 'base64')
    .toString('hex')
    .replace(/^3034/, '3035')
    .replace(/a203020120$/, 'a2040202012c'),
  'hex',
).toString('base64');

async function sending(refuses: Refuses, { world }: World, { app, mail, stranger }: People): Promise<void> {
  const method = 'credentials/sendOTP';
  await refuses(mail, method, { credentialID: stranger.credentialID }, unknown);
  await refuses(app, method, {}, 'The OTP of this credential is made by the device of its owner');
  const code = await mail.freshCode();
  const tooMany = 'A one-time code was sent a moment ago: wait before asking for another.';
  await refuses(mail, method, {}, tooMany, 'too_many_requests');
  const asked = { numSignatures: 1, hash: base64(randomHashes(1)), PIN: mail.pin, OTP: another(code) };
  for (let tries = 0; tries < 5; tries++)
    await refuses(mail, 'credentials/authorize', asked, 'The OTP is invalid', 'invalid_otp');
  await world.advance(minute / 2);
  await refuses(mail, method, {}, locked('OTP'));
}

/** Whatever else is wrong, the state of credential and certificate comes first. */
async function unusable(refuses: Refuses, { world, newClient }: World): Promise<void> {
  const end = world.clock.now() + 20 * minute;
  const short = await newClient({ notAfter: end });
  const blocked = await newClient();
  const sads = new Map<Client, string>();
  const [hash] = randomHashes(1);
  const [held, revoked] = [await newClient(), await newClient()];
  for (const client of [short, blocked, held, revoked]) sads.set(client, await client.sadFor([hash!]));
  const { credentialID } = blocked;
  await world.obey({ kind: 'block', credentialID, blocked: true, reason: 'test' });
  await world.advance(0);
  const everything = async (client: Client, text: string) => {
    const SAD = sads.get(client)!;
    const wrong = { numSignatures: 1, hash: base64([hash!]), PIN: 'wrong-pin', OTP: '000000' };
    await refuses(client, 'credentials/authorize', wrong, text);
    await refuses(client, 'credentials/authorize', { ...wrong, numSignatures: 0 }, text);
    await refuses(client, 'credentials/sendOTP', {}, text);
    await refuses(client, 'credentials/extendTransaction', { SAD }, text);
    await refuses(client, 'signatures/signHash', { SAD, hash: base64([hash!]), signAlgo: ecdsaWithSha256 }, text);
  };
  await everything(blocked, disabled);
  for (const [client, status] of [
    [held, 'hold'],
    [revoked, 'revoked'],
  ] as const) {
    await world.obey(statusOrder(client, status));
    await world.advance(0);
    await everything(client, 'Invalid certificate status');
  }
  // A new SAD that is still good when the certificate no longer is.
  await world.advance(end - world.clock.now() - 2 * minute);
  sads.set(short, await short.sadFor([hash!]));
  await world.advance(3 * minute);
  await everything(short, expired);
}
