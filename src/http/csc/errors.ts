import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorKind } from '../../base/errors.ts';
import { faultOf } from '../fault.ts';
import { logFault } from '../log.ts';

/** A CSC error answer: HTTP status, `error`, and the literal `error_description` that clients match on (CSC v1, tables of §11). */
export type Answer = { status: number; error: string; text: string; headers?: Record<string, string> };

/** Stock descriptions of CSC v1 Table 3. */
const stock = {
  invalid_request:
    'The request is missing a required parameter, includes an invalid parameter value, includes a parameter more than once, or is otherwise malformed.',
  unauthorized_client: 'The client is not authorized to use this method.',
  access_denied: 'The user, authorization server or remote service denied the request.',
  server_error:
    'The authorization server encountered an unexpected condition that prevented it from fulfilling the request.',
  temporarily_unavailable:
    'The authorization server is currently unable to handle the request due to a temporary overloading or maintenance of the server.',
  expired_token: 'The access or refresh token is expired or has been revoked.',
  invalid_token: 'The token provided is not a valid OAuth access or refresh token.',
} as const;

/** 400 `invalid_request` with a text of its own. */
export const invalidRequest = (text: string): Answer => ({ status: 400, error: 'invalid_request', text });

/** What is malformed beyond any row; also a missing or malformed Authorization header (CSC v1, every method's table). */
export const malformed = invalidRequest(stock.invalid_request);

export const pinInvalid: Answer = { status: 400, error: 'invalid_pin', text: 'The PIN is invalid' };
export const otpInvalid: Answer = { status: 400, error: 'invalid_otp', text: 'The OTP is invalid' };

/** CSC v1 names no challenge; RFC 6750 §3 and RFC 9110 §11.6.1 want one on every 401. */
const deadToken = (error: 'expired_token' | 'invalid_token'): Answer => ({
  status: 401,
  error,
  text: stock[error],
  headers: {
    'WWW-Authenticate': `Bearer realm="csc", error="invalid_token", error_description="${stock[error]}"`,
  },
});

const unavailable: Answer = {
  status: 503,
  error: 'temporarily_unavailable',
  text: stock.temporarily_unavailable,
  headers: { 'Retry-After': '5' },
};

const serverError: Answer = { status: 500, error: 'server_error', text: stock.server_error };

/** What each refusal that Kyso knows looks like here. */
export const answers: Record<ErrorKind, Answer> = {
  accessTokenInvalid: deadToken('invalid_token'),
  accessTokenExpired: deadToken('expired_token'),
  loginInvalid: {
    status: 400,
    error: 'authentication_error',
    text: 'An error occurred during authentication process',
  },
  refreshInvalid: invalidRequest('Invalid refresh_token'),
  tokenUnknown: invalidRequest('Invalid string parameter token'),
  activationInvalid: { status: 400, error: 'access_denied', text: stock.access_denied },
  clientSuspended: { status: 400, error: 'unauthorized_client', text: stock.unauthorized_client },

  requestInvalid: malformed,
  credentialUnknown: invalidRequest('Invalid parameter credentialID'),
  credentialDisabled: invalidRequest('The credential identified by credentialID is disabled'),
  // The row's text has the certificate's own values in place of the brackets: see expired.ts.
  certificateExpired: invalidRequest("Signing certificate 'O=[organization],CN=[common_name]' is expired."),
  certificateStatus: invalidRequest('Invalid certificate status'),
  numSignaturesInvalid: invalidRequest('Invalid value for parameter numSignatures'),
  numSignaturesTooHigh: invalidRequest('Numbers of signatures is too high'),
  digestLength: invalidRequest('Invalid digest value length'),
  hashAlgoInvalid: invalidRequest('Invalid parameter hashAlgo'),
  signAlgoParamsInvalid: invalidRequest('Invalid parameter signAlgoParams'),
  pageTokenInvalid: invalidRequest('Invalid parameter pageToken'),
  signAlgoInvalid: invalidRequest('Invalid parameter signAlgo'),

  pinInvalid,
  pinLocked: invalidRequest('PIN locked'),
  pinRefused: pinInvalid,
  passwordRefused: malformed,
  otpInvalid,
  otpLocked: invalidRequest('OTP locked'),

  otpNotOnline: invalidRequest('The OTP of this credential is made by the device of its owner'),
  tooManyRequests: {
    status: 429,
    error: 'too_many_requests',
    text: 'A one-time code was sent a moment ago: wait before asking for another.',
    headers: { 'Retry-After': '30' },
  },
  moveNotAllowed: { status: 400, error: 'access_denied', text: stock.access_denied },

  sadInvalid: invalidRequest('Invalid parameter SAD'),
  sadExpired: invalidRequest('SAD expired'),
  hashNotAuthorized: invalidRequest('Hash is not authorized by the SAD.'),

  // CSC knows no repeated requests; statuses as in draft-ietf-httpapi-idempotency-key-header §2.7.
  idempotencyKeyInvalid: invalidRequest('The header Idempotency-Key has to be 1 to 255 printable ASCII characters'),
  idempotencyKeyReused: {
    status: 422,
    error: 'idempotency_key_reused',
    text: 'This Idempotency-Key came with another request before: make a new one for each request.',
  },
  requestRunning: {
    status: 409,
    error: 'request_running',
    text: 'The first request with this Idempotency-Key is not answered yet: try again in a moment.',
    headers: { 'Retry-After': '1' },
  },

  orderRefused: serverError,
  attestationInvalid: serverError,
  keyReused: serverError,
  signatureInvalid: serverError,
  approvalMissing: serverError,
  lineChanged: serverError,
  officerInvalid: serverError,
  officerLocked: serverError,
  nameRefused: serverError,
  lintRefused: serverError,
  issuerUnknown: serverError,

  unavailable,
  busy: unavailable,
  tokenUnavailable: unavailable,
  tokenPinRefused: unavailable,
  keyUnusable: unavailable,
  feedStale: unavailable,
  clockUntrusted: unavailable,
  integrity: serverError,
  configuration: serverError,
  document: serverError,
  internal: serverError,
};

/** A row of a method's error table, thrown. */
export class Refusal extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(answer.text);
    this.name = 'Refusal';
    this.answer = answer;
  }
}

/** The error handler of the CSC API. What we do not know comes out as `server_error` and nothing else (S26). */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, error: code, text, headers } = answerOf(error);
  if (status >= 500 && !(error instanceof Refusal)) logFault(request, error);
  return reply
    .code(status)
    .headers(headers ?? {})
    .send({ error: code, error_description: text });
}

function answerOf(error: unknown): Answer {
  if (error instanceof Refusal) return error.answer;
  const { kind, status } = faultOf(error);
  return { ...answers[kind], ...(status ? { status } : {}) };
}
