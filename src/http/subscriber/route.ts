import type { FastifyContextConfig, FastifyRequest } from 'fastify';
import Type, { type Static, type TSchema } from 'typebox';
import type { Peer } from '../../ipc/contract.ts';
import type { SignerContract } from '../../ipc/signer-contract.ts';
import type { AccessTokens } from '../csc/access-tokens.ts';
import type { LoginDesk } from '../logins.ts';
import type { SourceThrottle } from '../throttle.ts';

/** What the routes work with. */
export type SubscriberParts = {
  signer: Peer<SignerContract>;
  logins: LoginDesk;
  tokens: AccessTokens;
  /** Counts tries of activation data by their source. */
  activationTries: SourceThrottle;
};

/** A closed object: members that are not named are refused (S21, design §8). */
export const closed = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

/** One route of the subscriber API: who may call it, what it takes, and what it does. */
export type Route = {
  method: 'GET' | 'POST';
  url: string;
  authentication: NonNullable<FastifyContextConfig['authentication']>;
  /** Of the body, or of the query of a GET. */
  input: TSchema;
  run(parts: SubscriberParts, request: FastifyRequest): Promise<object | undefined>;
};

/**
 * Ties a route's schema and its handler together. What the handler answers is the answer's JSON; undefined is 204.
 * `bearer` is a token of scope `subscriber`.
 */
export function route<S extends TSchema>(definition: {
  method: Route['method'];
  url: string;
  authentication: Route['authentication'];
  input: S;
  handle(parts: SubscriberParts, input: Static<S>, request: FastifyRequest): Promise<object | undefined>;
}): Route {
  const { handle, ...route } = definition;
  const given = (request: FastifyRequest) => (route.method === 'GET' ? request.query : request.body) as Static<S>;
  return { ...route, run: (parts, request) => handle(parts, given(request), request) };
}

/** Fields that several routes share. A one-time code is judged by signer, not by its form. */
export const fields = {
  userID: Type.String({ minLength: 1, maxLength: 128 }),
  password: Type.String({ minLength: 1, maxLength: 1024 }),
  pin: Type.String({ minLength: 1, maxLength: 256 }),
  otp: Type.String({ minLength: 1, maxLength: 16 }),
} as const;
