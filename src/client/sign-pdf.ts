import { type Clock, systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { digests, resolveScheme, signAlgos } from '../crypto/algorithms.ts';
import { signerKey } from '../pki/cms.ts';
import type { CredentialInfo } from './csc-answers.ts';
import type { CscClient } from './csc-client.ts';
import { embedSignature, preparePdf } from './pades.ts';

/** The steps of a signature, in their order; the name of the CSC method where there is one. */
export type SignPdfStep =
  | 'auth/login'
  | 'credentials/list'
  | 'credentials/info'
  | 'prepare'
  | 'credentials/authorize'
  | 'signatures/signHash'
  | 'embed';

/** What asks the signer for a factor, at the moment when it is needed, with what the service says about it. */
export type AskFactor<Factor extends 'PIN' | 'OTP'> = (
  about: NonNullable<CredentialInfo[Factor]>,
) => string | Promise<string>;

/** Who signs, with which credential (the account's first by default), and what the signature says about itself. */
export type SignPdfOptions = {
  client: CscClient;
  userID: string;
  password: string;
  credentialID?: string;
  askPIN: AskFactor<'PIN'>;
  askOTP: AskFactor<'OTP'>;
  reason?: string;
  location?: string;
  name?: string;
  onStep?: (step: SignPdfStep) => void;
  clock?: Clock;
};

/**
 * Signs one PDF through the CSC API: PAdES-B-B, invisible, as an incremental update. Only the digest leaves this
 * machine, and it is named at authorization, so that the authorization is good for this document alone (SCAL "2").
 * The algorithm is the first that the service lists for the key.
 * @throws KysoError document — the PDF cannot be signed; nothing was asked of the signer
 * @throws KysoError credentialUnknown, credentialDisabled, signAlgoInvalid — no credential that can do this
 * @throws KysoError integrity — the service answered a signature that does not verify
 * @throws KysoError unavailable, CscError — as the methods of {@link CscClient}
 */
export async function signPdf(pdf: Uint8Array, options: SignPdfOptions): Promise<Buffer> {
  const { client, onStep, clock = systemClock } = options;

  onStep?.('auth/login');
  const { accessToken } = await client.login(options.userID, options.password);

  onStep?.('credentials/list');
  const credentialID = pick(await client.credentialsList(accessToken), options.credentialID);

  onStep?.('credentials/info');
  const credential = await client.credentialsInfo(accessToken, credentialID);
  const { signAlgo, hashAlgo, digest } = chooseAlgorithm(credential);

  onStep?.('prepare');
  const { toSign, context } = await preparePdf(pdf, {
    chain: credential.cert.certificates,
    digest,
    signingTime: new Date(clock.now()),
    reason: options.reason,
    location: options.location,
    name: options.name,
  });
  const hash = [toSign];

  onStep?.('credentials/authorize');
  const factors = {
    ...(credential.PIN?.presence === 'true' && { PIN: await options.askPIN(credential.PIN) }),
    ...(credential.OTP?.presence === 'true' && { OTP: await options.askOTP(credential.OTP) }),
  };
  const { SAD } = await client.authorize(accessToken, { credentialID, hash, ...factors });

  onStep?.('signatures/signHash');
  const request = { credentialID, SAD, hash, signAlgo, ...(hashAlgo && { hashAlgo }) };
  const [signature] = await client.signHash(accessToken, request);

  onStep?.('embed');
  return embedSignature(context, signature!);
}

function pick(credentialIDs: string[], wanted?: string): string {
  const credentialID = wanted === undefined ? credentialIDs[0] : credentialIDs.find((id) => id === wanted);
  if (credentialID !== undefined) return credentialID;
  const what = wanted === undefined ? 'has no credential' : 'does not have this credential';
  throw new KysoError('credentialUnknown', `The account ${what}.`);
}

/** The first algorithm that the service lists for the key, with the digest that it implies (SHA-256 if none). */
function chooseAlgorithm({ key, authMode, cert }: CredentialInfo) {
  if (key.status === 'disabled') throw new KysoError('credentialDisabled', 'The credential is disabled.');
  if (authMode !== 'explicit') {
    throw new KysoError('credentialUnknown', 'The credential is not one that is opened with PIN and one-time code.');
  }
  const signAlgo = key.algo[0]!;
  const { keyType } = signerKey(cert.certificates[0]);
  const implied = signAlgos.find((row) => row.oid === signAlgo)?.digest;
  const hashAlgo = implied ? undefined : digests['SHA-256'].oid;
  return { signAlgo, hashAlgo, digest: resolveScheme(keyType, signAlgo, hashAlgo).digest };
}
