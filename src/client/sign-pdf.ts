import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { digests, hashMember, pssParams, resolveScheme, type SignScheme, signAlgos } from '../crypto/algorithms.ts';
import { signerKey } from '../pki/cms.ts';
import type { CredentialInfo } from './csc-answers.ts';
import type { CscClient } from './csc-client.ts';
import { embedSignature, type PreparedPdf, preparePdf } from './pades.ts';
import type { SignatureDetails, SignatureLook } from './signature-details.ts';

/** Milliseconds that nobody minds waiting for the end of a token. */
const revokePatience = 3_000;

/** The steps of a signature, in their order; the name of the CSC method where there is one. */
export type SignPdfStep =
  | 'auth/login'
  | 'credentials/list'
  | 'credentials/info'
  | 'prepare'
  | 'credentials/sendOTP'
  | 'credentials/authorize'
  | 'signatures/signHash'
  | 'embed';

/** What asks the signer for a factor, at the moment when it is needed, with what the service says about it. */
export type AskFactor<Factor extends 'PIN' | 'OTP'> = (
  about: NonNullable<CredentialInfo[Factor]>,
) => string | Promise<string>;

/** A document to sign; `name` is what messages call it. */
export type NamedPdf = { name: string; pdf: Uint8Array };

/** Who signs, with which credential (the account's first by default), and what the signatures say and look like. */
export type SignPdfOptions = Omit<SignatureDetails, 'signingTime'> &
  SignatureLook & {
    client: CscClient;
    userID: string;
    password: string;
    /** One of the account's, or what chooses one of them. */
    credentialID?: string | ((credentialIDs: readonly string[], token: string) => string | Promise<string>);
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
 * Signs PDFs through the CSC API under one authorization: PAdES-B-B, as incremental updates. Only digests leave this
 * machine, and they are named at authorization, so that it is good for these documents alone (SCAL "2"). All documents
 * are prepared before anybody is asked for a PIN. The algorithm is the first that the service lists for the key and that
 * is known here. The access token is revoked at the end.
 * @throws KysoError document — a PDF cannot be signed; its name is in the message, and nothing was asked of the signer
 * @throws KysoError credentialUnknown, credentialDisabled, signAlgoInvalid — no credential that can do this
 * @throws KysoError numSignaturesTooHigh — more documents than the credential signs at once
 * @throws KysoError integrity — the service answered a signature that does not verify
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
  const { client, onStep } = options;
  onStep?.('credentials/list');
  const credentialID = await pick(await client.credentialsList(token), options.credentialID, token);

  onStep?.('credentials/info');
  const credential = await client.credentialsInfo(token, credentialID);
  if (documents.length > credential.multisign)
    throw new KysoError(
      'numSignaturesTooHigh',
      `The credential signs at most ${credential.multisign} documents at once: sign these ${documents.length} in groups.`,
    );
  const { scheme, ...algorithm } = chooseAlgorithm(credential);

  const prepared = await prepareAll(documents, credential, scheme, options);
  const hash = prepared.map(({ toSign }) => toSign);
  const factors = await askFactors(token, credentialID, credential, options);

  onStep?.('credentials/authorize');
  const { SAD } = await client.authorize(token, { credentialID, hash, ...factors });

  onStep?.('signatures/signHash');
  const signatures = await client.signHash(token, { credentialID, SAD, hash, ...algorithm });

  return prepared.map(({ context }, index) => {
    onStep?.('embed', { done: index + 1, total: prepared.length });
    return embedSignature(context, signatures[index]!);
  });
}

async function prepareAll(
  documents: readonly NamedPdf[],
  credential: CredentialInfo,
  scheme: SignScheme,
  options: SignPdfOptions,
): Promise<PreparedPdf[]> {
  const { reason, location, name, visible, field, onStep, clock = systemClock } = options;
  const signingTime = new Date(clock.now());
  const prepared: PreparedPdf[] = [];
  for (const { name: document, pdf } of documents) {
    onStep?.('prepare', { done: prepared.length + 1, total: documents.length });
    const details = { signingTime, reason, location, name, visible, field };
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

async function pick(credentialIDs: string[], wanted: SignPdfOptions['credentialID'], token: string): Promise<string> {
  if (credentialIDs.length === 0) throw new KysoError('credentialUnknown', 'The account has no credential.');
  const chosen = typeof wanted === 'function' ? await wanted(credentialIDs, token) : (wanted ?? credentialIDs[0]);
  if (chosen !== undefined && credentialIDs.includes(chosen)) return chosen;
  throw new KysoError('credentialUnknown', 'The account does not have this credential.');
}

/** The first known algorithm that the service lists for the key, with the digest that it implies (SHA-256 if none). */
function chooseAlgorithm({ key, authMode, cert }: CredentialInfo) {
  if (key.status === 'disabled') throw new KysoError('credentialDisabled', 'The credential is disabled.');
  if (authMode !== 'explicit') {
    throw new KysoError('credentialUnknown', 'The credential is not one that is opened with PIN and one-time code.');
  }
  const signAlgo = key.algo.find((oid) => signAlgos.some((row) => row.oid === oid)) ?? key.algo[0]!;
  const { keyType } = signerKey(cert.certificates[0]);
  const implied = signAlgos.find((row) => row.oid === signAlgo)?.digest;
  const hashAlgo = implied ? undefined : digests['SHA-256'].oid;
  const signAlgoParams = hashMember(signAlgo) === 'signAlgoParams' ? pssParams('SHA-256') : undefined;
  const scheme = resolveScheme(keyType, signAlgo, hashAlgo, signAlgoParams);
  return { signAlgo, ...(hashAlgo && { hashAlgo }), ...(signAlgoParams && { signAlgoParams }), scheme };
}
