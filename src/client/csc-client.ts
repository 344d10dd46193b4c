import { randomUUID } from 'node:crypto';
import { decodeBase64 } from '../base/base64.ts';
import { KysoError } from '../base/errors.ts';
import {
  authorizeAnswer,
  type CredentialInfo,
  credentialAnswer,
  infoAnswer,
  type LoginAnswer,
  listAnswer,
  loginAnswer,
  nothing,
  type ServiceInfo,
  signHashAnswer,
  timestampAnswer,
} from './csc-answers.ts';
import { type CscService, callCsc, checkBaseUrl, unusable } from './csc-transport.ts';

/** The service token of a login; `expiresIn` in seconds. */
export type Login = { accessToken: string; refreshToken?: string; expiresIn: number };

/** What the owner of a credential authorizes: exactly these digests, one signature each (SCAL "2"). */
export type AuthorizeRequest = {
  credentialID: string;
  hash: readonly Uint8Array[];
  PIN?: string;
  OTP?: string;
  description?: string;
  clientData?: string;
};

/** The proof of an authorization; `expiresIn` in seconds. */
export type Authorization = { SAD: string; expiresIn: number };

/** `hashAlgo` is an OID, and only for a `signAlgo` that implies no digest algorithm. */
export type SignHashRequest = {
  credentialID: string;
  SAD: string;
  hash: readonly Uint8Array[];
  signAlgo: string;
  hashAlgo?: string;
  /** RSASSA-PSS-params, DER; only for RSASSA-PSS. */
  signAlgoParams?: Uint8Array;
  clientData?: string;
  /**
   * A name of your own for this request, new for each: sent again with it, even after a restart of yours, it gets the
   * same answer. Left out, each call makes one and uses it when the connection is lost.
   */
  idempotencyKey?: string;
};

/** A new SAD for what `SAD` still allows; hashes only where slots were left open. */
export type ExtendRequest = { credentialID: string; SAD: string; hash?: readonly Uint8Array[] };

/** `hashAlgo` is an OID; the token repeats `nonce`, a positive number in big-endian bytes. */
export type TimestampRequest = { hash: Uint8Array; hashAlgo: string; nonce?: Uint8Array };

/** The methods of CSC v1 that lead to a signature; `token` is the access token of a login. */
export type CscClient = {
  info(lang?: string): Promise<ServiceInfo>;
  /** `rememberMe` asks for a refresh token. */
  login(userID: string, password: string, rememberMe?: boolean): Promise<Login>;
  /** Another access token for a refresh token, which is used up; the answer has the next one. */
  refresh(refreshToken: string): Promise<Login>;
  /** Ends an access or refresh token. */
  revoke(token: string, ended?: string): Promise<void>;
  credentialsList(token: string): Promise<string[]>;
  credentialsInfo(token: string, credentialID: string): Promise<CredentialInfo>;
  authorize(token: string, request: AuthorizeRequest): Promise<Authorization>;
  /** Has a one-time code sent, for a credential whose `OTP.type` is `online`. */
  sendOTP(token: string, credentialID: string): Promise<void>;
  extendTransaction(token: string, request: ExtendRequest): Promise<Authorization>;
  signHash(token: string, request: SignHashRequest): Promise<Buffer[]>;
  /** A TimeStampToken (RFC 3161), not yet verified; only of a service that lists `signatures/timestamp` in `info`. */
  timestamp(token: string, request: TimestampRequest): Promise<Buffer>;
};

/** What the specification has a client assume where a lifetime is left out, in seconds. */
const DEFAULT_LIFETIME = 3600;

/**
 * A client of one CSC v1.0.4.0 service. All methods throw CscError when the service refuses, and KysoError
 * `unavailable` when it does not answer in time or answers something else than specified.
 * @throws KysoError configuration — an address that is neither https nor on this machine
 */
export function cscClient(service: CscService): CscClient {
  checkBaseUrl(service.baseUrl);
  const bearer = (token: string) => `Bearer ${token}`;
  return {
    info: (lang) => callCsc(service, 'info', infoAnswer, lang === undefined ? {} : { lang }),

    async login(userID, password, rememberMe = false) {
      if (userID.includes(':')) throw new KysoError('requestInvalid', 'A user ID cannot hold a colon (RFC 7617).');
      const basic = `Basic ${Buffer.from(`${userID}:${password}`, 'utf8').toString('base64')}`;
      return loginOf(await callCsc(service, 'auth/login', loginAnswer, rememberMe ? { rememberMe } : {}, basic));
    },

    async refresh(refreshToken) {
      return loginOf(
        await callCsc(service, 'auth/login', loginAnswer, { refresh_token: refreshToken, rememberMe: true }),
      );
    },

    async revoke(token, ended = token) {
      await callCsc(service, 'auth/revoke', nothing, { token: ended }, bearer(token));
    },

    async credentialsList(token) {
      const credentialIDs: string[] = [];
      const seen = new Set<string>();
      let pageToken: string | undefined;
      do {
        const page = pageToken === undefined ? {} : { pageToken };
        const answer = await callCsc(service, 'credentials/list', listAnswer, page, bearer(token));
        credentialIDs.push(...answer.credentialIDs);
        pageToken = answer.nextPageToken;
        if (pageToken !== undefined && seen.has(pageToken)) throw unusable('credentials/list', 'its pages never end');
        if (pageToken !== undefined) seen.add(pageToken);
      } while (pageToken !== undefined);
      return credentialIDs;
    },

    async credentialsInfo(token, credentialID) {
      const body = { credentialID, certificates: 'chain', authInfo: true };
      const answer = await callCsc(service, 'credentials/info', credentialAnswer, body, bearer(token));
      const [signer, ...issuers] = decodeAll('credentials/info', answer.cert.certificates);
      if (!signer) throw unusable('credentials/info', 'no certificate');
      return { ...answer, cert: { ...answer.cert, certificates: [signer, ...issuers] } };
    },

    async authorize(token, request) {
      const body = { ...request, hash: encodeAll(request.hash), numSignatures: request.hash.length };
      const { SAD, expiresIn } = await callCsc(service, 'credentials/authorize', authorizeAnswer, body, bearer(token));
      return { SAD, expiresIn: expiresIn ?? DEFAULT_LIFETIME };
    },

    async sendOTP(token, credentialID) {
      await callCsc(service, 'credentials/sendOTP', nothing, { credentialID }, bearer(token));
    },

    async extendTransaction(token, { credentialID, SAD: before, hash }) {
      const body = { credentialID, SAD: before, ...(hash && { hash: encodeAll(hash) }) };
      const method = 'credentials/extendTransaction';
      const { SAD, expiresIn } = await callCsc(service, method, authorizeAnswer, body, bearer(token));
      return { SAD, expiresIn: expiresIn ?? DEFAULT_LIFETIME };
    },

    async signHash(token, { signAlgoParams, idempotencyKey = randomUUID(), ...request }) {
      const params = signAlgoParams && { signAlgoParams: Buffer.from(signAlgoParams).toString('base64') };
      const body = { ...request, ...params, hash: encodeAll(request.hash) };
      const method = 'signatures/signHash';
      const { signatures } = await callCsc(service, method, signHashAnswer, body, bearer(token), idempotencyKey);
      if (signatures.length !== request.hash.length) {
        throw unusable(method, `${signatures.length} signatures for ${request.hash.length} hashes`);
      }
      return decodeAll(method, signatures);
    },

    async timestamp(token, { hash, hashAlgo, nonce }) {
      const method = 'signatures/timestamp';
      const number = nonce && { nonce: Buffer.from(nonce).toString('hex') };
      const body = { hash: Buffer.from(hash).toString('base64'), hashAlgo, ...number };
      const { timestamp } = await callCsc(service, method, timestampAnswer, body, bearer(token));
      return decodeAll(method, [timestamp])[0]!;
    },
  };
}

function loginOf(answer: LoginAnswer): Login {
  return {
    accessToken: answer.access_token,
    expiresIn: answer.expires_in ?? DEFAULT_LIFETIME,
    ...(answer.refresh_token !== undefined && { refreshToken: answer.refresh_token }),
  };
}

const encodeAll = (digests: readonly Uint8Array[]) => digests.map((bytes) => Buffer.from(bytes).toString('base64'));

function decodeAll(method: string, texts: string[]): Buffer[] {
  return texts.map((text) => {
    const bytes = decodeBase64(text);
    if (!bytes) throw unusable(method, 'not base64');
    return bytes;
  });
}
