import type { Static, TSchema } from 'typebox';
import Type from 'typebox';
import Value from 'typebox/value';
import { KysoError } from '../base/errors.ts';
import { checkBaseUrl } from '../client/csc-transport.ts';
import { plain } from './plain.ts';

/** A refusal of the service; `error` is its code, the message is for the person. */
export class SubscriberRefusal extends KysoError {
  readonly error: string;

  constructor(error: string, message: string) {
    super('requestInvalid', message);
    this.name = 'SubscriberRefusal';
    this.error = error;
  }
}

const Refused = Type.Object({
  error: Type.String(),
  error_description: Type.Object({ en: Type.String(), vi: Type.String() }),
});

/** `/subscriber/v1` of one server. */
export type SubscriberService = {
  post(path: string, body: object, token?: string): Promise<void>;
  ask<S extends TSchema>(path: string, schema: S, body: object, token?: string): Promise<Static<S>>;
  get<S extends TSchema>(path: string, schema: S, token: string): Promise<Static<S>>;
};

/**
 * What `kyso subscriber` speaks with: HTTPS, or HTTP on this machine itself.
 * @throws KysoError configuration — the address is another one
 * Each call throws SubscriberRefusal; KysoError unavailable — no answer, or one of another kind of server.
 */
export function subscriberService(url: string): SubscriberService {
  // KYSO_URL may name the CSC service of the same server, as `kyso sign` wants it.
  const base = `${url.replace(/\/+$/, '').replace(/\/csc\/v1$/, '')}/subscriber/v1`;
  checkBaseUrl(base);

  async function call(method: 'GET' | 'POST', path: string, body?: object, token?: string): Promise<unknown> {
    const { ok, text } = await exchange(base, {
      ...{ method, path },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      headers: {
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
    });
    const answer = parse(text);
    if (ok) return answer;
    if (!Value.Check(Refused, answer)) throw elsewhere(base);
    const { vi, en } = answer.error_description;
    throw new SubscriberRefusal(answer.error, plain(`${vi} / ${en}`));
  }

  function checked<S extends TSchema>(schema: S, answer: unknown): Static<S> {
    if (!Value.Check(schema, answer)) throw elsewhere(base);
    return answer;
  }

  return {
    async post(path, body, token) {
      await call('POST', path, body, token);
    },
    ask: async (path, schema, body, token) => checked(schema, await call('POST', path, body, token)),
    get: async (path, schema, token) => checked(schema, await call('GET', path, undefined, token)),
  };
}

type Exchange = { method: string; path: string; headers: Record<string, string>; body?: string };

/** Redirections are not followed: they would carry PIN and password along. */
async function exchange(base: string, { path, ...init }: Exchange): Promise<{ ok: boolean; text: string }> {
  try {
    const signal = AbortSignal.timeout(60_000);
    const response = await fetch(`${base}${path}`, { ...init, redirect: 'error', signal });
    return { ok: response.ok, text: await response.text() };
  } catch (cause) {
    throw new KysoError('unavailable', whyNoAnswer(base, cause), { cause });
  }
}

/** Codes of OpenSSL for a certificate whose issuer is not trusted here. */
const unknownIssuer = [
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
];

function whyNoAnswer(base: string, thrown: unknown): string {
  const inner = thrown instanceof Error ? thrown.cause : undefined;
  const code = inner instanceof Error && 'code' in inner ? String(inner.code) : '';
  if (unknownIssuer.includes(code))
    return `${base} shows a certificate of an authority that is not trusted here: name it with --ca FILE`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `${base} shows the certificate of another server: check --url, and tell the operator if it is right`;
  return `${base} does not answer${code ? ` (${code})` : ''}: check --url and the network`;
}

const elsewhere = (base: string) =>
  new KysoError('unavailable', `what answers at ${base} is not Kyso: check --url (the address before /subscriber/v1)`);

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
