import { setTimeout } from 'node:timers/promises';
import type { Static, TSchema } from 'typebox';
import Value from 'typebox/value';
import { codeIn, KysoError } from '../base/errors.ts';
import { errorObject } from './csc-answers.ts';
import { CscError } from './csc-error.ts';

/**
 * Where the service is: `baseUrl` up to and with `/csc/v1`, without trailing slash. `timeoutMs` bounds each request
 * (60 s by default), `signal` ends them all.
 */
export type CscService = { baseUrl: string; timeoutMs?: number; signal?: AbortSignal };

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Checks that passwords and PINs may be sent to this address: https, or http to this machine itself.
 * @throws KysoError configuration
 */
export function checkBaseUrl(baseUrl: string): void {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback.test(url.hostname));
  if (!safe) throw new KysoError('configuration', 'The address of the signing service has to begin with https://.');
  if (baseUrl.endsWith('/') || url.search || url.hash || url.username || url.password) {
    throw new KysoError(
      'configuration',
      'The address of the signing service has to end with its path, such as /csc/v1.',
    );
  }
}

/**
 * Calls one CSC method (CSC v1 §8.2: POST, JSON both ways) and answers what it answered, checked against `schema`.
 * Redirections are not followed: they would carry PIN and password along. With an `idempotencyKey` a request whose
 * connection is lost is sent once more.
 * @throws CscError — the service refused
 * @throws KysoError unavailable — no answer in time, or one that is not what the specification describes
 */
export async function callCsc<Schema extends TSchema>(
  service: CscService,
  method: string,
  schema: Schema,
  body: object,
  authorization?: string,
  idempotencyKey?: string,
): Promise<Static<Schema>> {
  const headers = {
    ...(authorization && { authorization }),
    ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }),
  };
  const ask = () => post(service, method, JSON.stringify(body), headers);
  const { status, ok, text } = await (idempotencyKey === undefined ? ask() : twice(ask, service.signal));
  const answer = parseJson(text);
  if (!ok) {
    const refusal = Value.Check(errorObject, answer) ? answer : undefined;
    throw new CscError(method, status, refusal?.error, refusal?.error_description);
  }
  if (Value.Check(schema, answer)) return answer;
  // Path and rule only, never the value: it may be a SAD or a token.
  const [first] = Value.Errors(schema, answer);
  throw unusable(method, first ? `${first.instancePath} ${first.message}`.trim() : 'not what is specified');
}

/** The error for an answer that breaks the specification. */
export function unusable(method: string, what: string): KysoError {
  return new KysoError('unavailable', `The answer of the signing service to ${method} cannot be used: ${what}.`);
}

/** A connection that ended before the answer: nobody knows whether the request was done. */
const lostConnection = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** Asks once more, after a second, in which a process that ended is back, when the connection was lost. */
async function twice<Answer>(ask: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (!lostConnection.has(codeIn(error))) throw error;
    await setTimeout(1000, undefined, signal && { signal }).catch(() => {});
    return ask();
  }
}

async function post(
  { baseUrl, timeoutMs = 60_000, signal }: CscService,
  method: string,
  body: string,
  headers: Record<string, string>,
) {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(`${baseUrl}/${method}`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json',
        ...headers,
      },
      body,
      redirect: 'error',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    return { status: response.status, ok: response.ok, text: await response.text() };
  } catch (cause) {
    const late = timeout.aborted ? ' in time' : '';
    throw new KysoError('unavailable', `The signing service did not answer ${method}${late}.`, { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
