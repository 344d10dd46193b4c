import { createHash, randomBytes, randomUUID, verify } from 'node:crypto';
import type { Random } from '../helpers/random.ts';
import { activated, type Enrolled, enrolled, type Holder, type World } from './holder.ts';

const ecdsaWithSha256 = '1.2.840.10045.4.3.2';

type Document = { bytes: Buffer; hash: Buffer };

/** Clients at work until they are told to stop. */
export type Load = {
  /** What no kill explains. */
  failures: unknown[];
  stop(): Promise<void>;
};

/**
 * `abreast` holders at a time, each with a life of a second or two: certificate, activation, login, authorizations by
 * code of either kind, the hashes signed in pieces that several clients ask for at once, and at the end wrong guesses.
 */
export function startLoad(world: World, random: Random, abreast: number): Load {
  const failures: unknown[] = [];
  let stopped = false;
  const lives = Array.from({ length: abreast }, async () => {
    while (!stopped) await life(world, random, () => stopped).catch((error: unknown) => failures.push(error));
  });
  return {
    failures,
    async stop() {
      stopped = true;
      await Promise.all(lives);
    },
  };
}

async function life(world: World, random: Random, ended: () => boolean): Promise<void> {
  const person = await enrolled(world, random.once(4) ? 'email' : 'totp');
  if (random.once(6)) return guessHalves(world, person, 1 + random.below(3));
  const holder = await activated(world, person);
  const times = person.line.otp === 'totp' ? 2 : 1;
  for (let time = 0; time < times && !ended(); time += 1) await authorizeAndSign(world, random, holder);
  if (person.line.otp === 'totp' && random.once(3)) await guessPin(world, holder);
  else await guessCode(world, holder, 1 + random.below(4));
}

async function authorizeAndSign(world: World, random: Random, holder: Holder): Promise<void> {
  const documents = Array.from({ length: 1 + random.below(12) }, newDocument);
  // Who authorizes a hash twice gets two signatures for it.
  if (random.once(4)) documents.push(documents[0]!);
  const { credentialID, bearer, pin: PIN } = holder;
  const hash = documents.map(base64);
  const OTP = await holder.code();
  if (OTP === undefined) return;
  const request = { credentialID, numSignatures: hash.length, hash, PIN, OTP };
  const answer = await world.client.post('/csc/v1/credentials/authorize', request, bearer);
  if (answer?.status !== 200) return;
  const sad = String(answer.body.SAD);
  const authorization = createHash('sha256').update(sad).digest('base64url');
  world.history.authorized.push({ authorization, credential: credentialID, hashes: documents.map(hex) });
  const requests = inPieces(random, documents).flatMap((piece) => {
    const request = { sad, authorization, piece, ...(random.once(2) && { key: randomUUID() }) };
    return random.once(3) ? [request, request] : [request];
  });
  await Promise.all(requests.map((one) => sign(world, holder, one)));
}

type SignRequest = { sad: string; authorization: string; piece: Document[]; key?: string };

/**
 * Asks again when nobody answered: a signature that was lost must not be had a second time, but for the very answer that
 * was lost, where the request has a key (S70).
 */
async function sign(
  { client, history }: World,
  holder: Holder,
  { sad, authorization, piece, key }: SignRequest,
): Promise<void> {
  const { credentialID, bearer } = holder;
  const request = { credentialID, SAD: sad, hash: piece.map(base64), signAlgo: ecdsaWithSha256 };
  const headers = { ...bearer, ...(key && { 'idempotency-key': key }) };
  const { status, body } = await client.insist('/csc/v1/signatures/signHash', request, headers);
  if (status !== 200) return;
  const signatures = body.signatures as string[];
  const good = piece.filter(({ bytes }, index) =>
    verify('sha256', bytes, holder.publicKey, Buffer.from(signatures[index] ?? '', 'base64')),
  );
  const answer = { authorization, hashes: piece.map(hex), good: good.length, signatures: signatures.join(' ') };
  history.released.push({ ...answer, ...(key && { key }) });
}

async function guessHalves({ client, history }: World, { line, halves }: Enrolled, times: number): Promise<void> {
  const wrong = { ...halves, smsHalf: halves.smsHalf.split('').reverse().join('') };
  const answers = Array.from({ length: times }, () => client.post('/subscriber/v1/activation/begin', wrong));
  count(history, line.userID, 'activation', 'activation_invalid', await Promise.all(answers));
}

/** One, since each guess at a PIN takes a right code. */
async function guessPin({ client, history }: World, holder: Holder): Promise<void> {
  const OTP = await holder.code();
  if (OTP === undefined) return;
  const request = { ...wrongAuthorization(holder), OTP, PIN: `${holder.pin}x` };
  const answer = await client.post('/csc/v1/credentials/authorize', request, holder.bearer);
  count(history, holder.userID, 'pin', 'invalid_pin', [answer]);
}

async function guessCode({ client, history }: World, holder: Holder, times: number): Promise<void> {
  const guess = () => ({
    ...wrongAuthorization(holder),
    OTP: String(randomBytes(4).readUInt32BE() % 1e6).padStart(6, '0'),
  });
  const answers = Array.from({ length: times }, () =>
    client.post('/csc/v1/credentials/authorize', guess(), holder.bearer),
  );
  count(history, holder.userID, 'otp', 'invalid_otp', await Promise.all(answers));
}

const wrongAuthorization = ({ credentialID, pin }: Holder) => ({
  ...{ credentialID, numSignatures: 1, hash: [base64(newDocument())], PIN: pin },
});

type Answers = Awaited<ReturnType<World['client']['post']>>[];

function count(
  { wrong }: World['history'],
  userID: string,
  factor: 'pin' | 'otp' | 'activation',
  error: string,
  answers: Answers,
): void {
  wrong.push({ userID, factor, times: answers.filter((answer) => answer?.body.error === error).length });
}

function inPieces(random: Random, documents: Document[]): Document[][] {
  const rest = [...documents];
  const pieces: Document[][] = [];
  while (rest.length > 0) pieces.push(rest.splice(0, 1 + random.below(4)));
  return pieces;
}

function newDocument(): Document {
  const bytes = randomBytes(24);
  return { bytes, hash: createHash('sha256').update(bytes).digest() };
}

const base64 = ({ hash }: Document) => hash.toString('base64');
const hex = ({ hash }: Document) => hash.toString('hex');
