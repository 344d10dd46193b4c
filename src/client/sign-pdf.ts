import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import type { SignScheme } from '../crypto/algorithms.ts';
import { chooseAlgorithm, pickCredential, type WantedCredential } from './credential-choice.ts';
import type { CredentialInfo } from './csc-answers.ts';
import type { CscClient } from './csc-client.ts';
import { type FinishOptions, type FinishStep, finishPdfs } from './finish.ts';
import { LevelError, type SignatureLevel } from './level.ts';
import { type PreparedPdf, preparePdf } from './pades.ts';
import { retrieve as overHttp } from './retrieve.ts';
import type { SignatureDetails, SignatureLook } from './signature-details.ts';
import { cscTimestamps, type TimestampSource } from './timestamp.ts';
import { collector } from './validation-data.ts';

/** Milliseconds that nobody minds waiting for the end of a token. */
const revokePatience = 3_000;

/** The steps of a signature, in their order; the name of the CSC method where there is one. */
export type SignPdfStep =
  | 'auth/login'
  | 'credentials/list'
  | 'credentials/info'
  | 'info'
  | 'prepare'
  | 'credentials/sendOTP'
  | 'credentials/authorize'
  | 'signatures/signHash'
  | FinishStep;

/** What asks the signer for a factor, at the moment when it is needed, with what the service says about it. */
export type AskFactor<Factor extends 'PIN' | 'OTP'> = (
  about: NonNullable<CredentialInfo[Factor]>,
) => string | Promise<string>;

/** A document to sign; `name` is what messages call it. */
export type NamedPdf = { name: string; pdf: Uint8Array };

/** Who signs, with which credential (the account's first by default), and what the signatures say and look like. */
export type SignPdfOptions = Omit<SignatureDetails, 'signingTime'> &
  SignatureLook &
  Pick<FinishOptions, 'retrieve' | 'timestampRoots'> & {
    /** B-LT by default. */
    level?: SignatureLevel | undefined;
    /** Where timestamps come from; by default the signing service itself, if it makes them. */
    timestamp?: TimestampSource | undefined;
    client: CscClient;
    userID: string;
    password: string;
    /** The account's first by default. */
    credentialID?: WantedCredential;
    askPIN: AskFactor<'PIN'>;
    askOTP: AskFactor<'OTP'>;
    /** Where a step is done once for each document, `done` of `total` tells how far it is. */
    onStep?: (step: SignPdfStep, progress?: { done: number; total: number }) => void;
    clock?: Clock;
  };

/**
 * Signs one PDF through the CSC API.
 * @throws as {@link signPdfs}
 */
export async function signPdf(pdf: Uint8Array, options: SignPdfOptions): Promise<Buffer> {
  const [signed] = await signPdfs([{ name: 'The document', pdf }], options);
  return signed!;
}

/**
 * Signs PDFs through the CSC API under one authorization: PAdES, as incremental updates. Only digests leave this
 * machine, and they are named at authorization, so that it is good for these documents alone (SCAL "2"). All documents
 * are prepared before anybody is asked for a PIN, and for level B-LT it is seen that the status of the certificate can be
 * had. The algorithm is the first that the service lists for the key and that is known here. The access token is revoked
 * at the end.
 * @throws KysoError document — a PDF cannot be signed; its name is in the message, and nothing was asked of the signer
 * @throws KysoError credentialUnknown, credentialDisabled, signAlgoInvalid — no credential that can do this
 * @throws KysoError numSignaturesTooHigh — more documents than the credential signs at once
 * @throws KysoError integrity — the service answered a signature that does not verify
 * @throws KysoError certificateStatus — the certificate is revoked or on hold
 * @throws LevelError — a timestamp or the status of a certificate cannot be had; nothing comes out at a lower level
 * @throws KysoError unavailable, CscError — as the methods of {@link CscClient}
 */
export async function signPdfs(documents: readonly NamedPdf[], options: SignPdfOptions): Promise<Buffer[]> {
  if (documents.length === 0) return [];
  options.onStep?.('auth/login');
  const { accessToken } = await options.client.login(options.userID, options.password);
  try {
    return await signWithToken(accessToken, documents, options);
  } finally {
    // A service without the method, or one that is away or slow: the token ends by itself.
    const revoked = options.client.revoke(accessToken).catch(() => {});
    await Promise.race([revoked, delay(revokePatience, undefined, { ref: false })]);
  }
}

async function signWithToken(token: string, documents: readonly NamedPdf[], options: SignPdfOptions) {
  const { client, onStep, level = 'B-LT', retrieve = overHttp, timestampRoots } = options;
  onStep?.('credentials/list');
  const credentialID = await pickCredential(await client.credentialsList(token), options.credentialID, token);

  onStep?.('credentials/info');
  const credential = await client.credentialsInfo(token, credentialID);
  if (documents.length > credential.multisign)
    throw new KysoError(
      'numSignaturesTooHigh',
      `The credential signs at most ${credential.multisign} documents at once: sign these ${documents.length} in groups.`,
    );
  const { scheme, ...algorithm } = chooseAlgorithm(credential);

  const timestamp = level === 'B-B' ? undefined : await timestampSource(token, options);
  const kept = collector(retrieve);
  if (level === 'B-LT') await kept.collect([credential.cert.certificates], []);

  const prepared = await prepareAll(documents, credential, scheme, options);
  const hash = prepared.map(({ toSign }) => toSign);
  const factors = await askFactors(token, credentialID, credential, options);

  onStep?.('credentials/authorize');
  const { SAD } = await client.authorize(token, { credentialID, hash, ...factors });

  onStep?.('signatures/signHash');
  const signatures = await client.signHash(token, { credentialID, SAD, hash, ...algorithm });

  const signed = prepared.map(({ context }, index) => ({ context, signature: signatures[index]! }));
  return finishPdfs(signed, { timestamp, timestampRoots, retrieve, onStep }, kept);
}

/** Found out before anybody is asked for a PIN. */
async function timestampSource(token: string, { client, timestamp, onStep }: SignPdfOptions): Promise<TimestampSource> {
  if (timestamp) return timestamp;
  onStep?.('info');
  const { methods } = await client.info();
  if (methods.includes('signatures/timestamp')) return cscTimestamps(client, token);
  throw new LevelError('timestamp', 'The signing service makes no timestamps, and no other service is named.');
}

async function prepareAll(
  documents: readonly NamedPdf[],
  credential: CredentialInfo,
  scheme: SignScheme,
  options: SignPdfOptions,
): Promise<PreparedPdf[]> {
  const { reason, location, name, visible, field, level, onStep, clock = systemClock } = options;
  const signingTime = new Date(clock.now());
  const prepared: PreparedPdf[] = [];
  for (const { name: document, pdf } of documents) {
    onStep?.('prepare', { done: prepared.length + 1, total: documents.length });
    const details = { signingTime, reason, location, name, visible, field, level };
    try {
      prepared.push(await preparePdf(pdf, { chain: credential.cert.certificates, scheme, ...details }));
    } catch (cause) {
      if (cause instanceof KysoError && cause.kind === 'document')
        throw new KysoError('document', `${document}: ${cause.message}`, { cause });
      throw cause;
    }
  }
  return prepared;
}

/** What the credential wants of its owner. A code that the service sends is sent before it is asked for. */
async function askFactors(
  token: string,
  credentialID: string,
  { PIN, OTP }: CredentialInfo,
  { client, askPIN, askOTP, onStep }: SignPdfOptions,
): Promise<{ PIN?: string; OTP?: string }> {
  const pin = PIN?.presence === 'true' ? { PIN: await askPIN(PIN) } : {};
  if (OTP?.presence !== 'true') return pin;
  if (OTP.type === 'online') {
    onStep?.('credentials/sendOTP');
    await client.sendOTP(token, credentialID);
  }
  return { ...pin, OTP: await askOTP(OTP) };
}
