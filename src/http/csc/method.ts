import type { FastifyContextConfig, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import type { Static, TSchema } from 'typebox';
import type { Clock } from '../../base/clock.ts';
import type { ClientSwitches } from '../../ipc/api-contract.ts';
import type { CaContract } from '../../ipc/ca-contract.ts';
import type { Peer } from '../../ipc/contract.ts';
import type { SignerContract } from '../../ipc/signer-contract.ts';
import type { ApiConfig } from '../config.ts';
import type { LoginDesk } from '../logins.ts';
import type { RefreshTokens } from '../refresh.ts';
import type { AccessTokens } from './access-tokens.ts';
import { type Answer, invalidRequest, malformed, Refusal } from './errors.ts';
import type { PageTokens } from './page-tokens.ts';

/** What the methods work with. */
export type CscParts = {
  config: ApiConfig;
  signer: Peer<SignerContract>;
  ca: Peer<CaContract>;
  clock: Clock;
  logins: LoginDesk;
  tokens: AccessTokens;
  refresh: RefreshTokens;
  pages: PageTokens;
  /** Names of all methods, for `info`. */
  methods: readonly string[];
};

/**
 * A row of a method's error table. The rows stand in the order of the specification and the first that fits answers.
 * `field` rows fit JSON Schema errors: `hash` is the member, `hash[]` its elements; without `keywords` any error of the
 * field fits. `fails` rows see only bodies of the right shape. An `ask` row stands for what only signer can say of the
 * members above it, which is one of `answers`: it is asked only when a row below fits, since otherwise the method itself
 * asks.
 */
export type Row<B> =
  | { field: string; keywords?: readonly string[]; answer: Answer }
  | { fails: (body: B, request: FastifyRequest, parts: CscParts) => boolean; answer: Answer }
  | {
      ask: (parts: CscParts, body: B, request: FastifyRequest) => Promise<unknown>;
      answers: readonly Answer[];
    };

export const missing = (type: 'string' | 'integer' | 'array', field: string) => ({
  field,
  keywords: ['required', 'type'],
  answer: invalidRequest(`Missing (or invalid type) ${type} parameter ${field}`),
});

export const invalid = (field: string) => ({ field, answer: invalidRequest(`Invalid parameter ${field}`) });

/** The answer of a method that has nothing to say: 204 and no body. */
export const noContent = Symbol('204 No Content');

/** Changes a body of a client that cannot do otherwise into what the specification wants. */
export type Adapt = (body: Record<string, unknown>, switches: ClientSwitches) => void;

/** What the OpenAPI document says of a method beyond its request schema; the tests hold real answers against `answer`. */
export type MethodDocs = {
  summary: string;
  /** Schema of the 200 answer; without one the method answers 204. */
  answer?: TSchema;
  /** Request headers that mean something to this method alone, as OpenAPI parameters. */
  headers?: readonly { name: string; description: string; schema: TSchema }[];
  example: { request: object; answer?: object };
};

/** A CSC method as the routes, `info` and the OpenAPI document see it. */
export type CscMethod = {
  name: string;
  docs: MethodDocs;
  /** What it may refuse with of its own, in the order of its table. */
  errors: readonly Answer[];
  authentication: NonNullable<FastifyContextConfig['authentication']>;
  body: TSchema;
  /** The answer to a missing or malformed Authorization header. */
  malformedHeader: Answer;
  /** What a client's switches make of a body before it is checked. */
  adapt?: Adapt | undefined;
  run(parts: CscParts, request: FastifyRequest): Promise<object | typeof noContent>;
};

/**
 * Ties a method's schema, its error rows and its handler together. The handler gets a body that the schema accepted;
 * members that it does not know are there too and mean nothing (design §8).
 */
export function defineMethod<B extends TSchema>(definition: {
  name: string;
  docs: MethodDocs;
  authentication: CscMethod['authentication'];
  malformedHeader?: Answer;
  adapt?: Adapt;
  body: B;
  rows: readonly Row<Static<B>>[];
  /** What the handler may refuse with besides the rows. */
  refusals?: readonly Answer[];
  handle(parts: CscParts, body: Static<B>, request: FastifyRequest): Promise<object | typeof noContent>;
}): CscMethod {
  const { name, docs, authentication, malformedHeader = malformed, adapt, body: schema, rows, handle } = definition;
  const { refusals = [] } = definition;
  return {
    ...{ name, docs, authentication, malformedHeader, adapt },
    errors: [...rows.flatMap((row) => ('answer' in row ? [row.answer] : row.answers)), ...refusals],
    body: schema,
    async run(parts, request) {
      // Fastify has held this body against the schema and kept the errors; the rows decide before the handler sees it.
      const body = request.body as Static<B>;
      const errors = request.validationError?.validation ?? [];
      await firstFitting(rows, parts, body, request, errors);
      if (errors.length > 0) throw new Refusal(malformed);
      return handle(parts, body, request);
    },
  };
}

async function firstFitting<B>(
  rows: readonly Row<B>[],
  parts: CscParts,
  body: B,
  request: FastifyRequest,
  errors: FastifySchemaValidationError[],
): Promise<void> {
  const above: Extract<Row<B>, { ask: unknown }>[] = [];
  for (const row of rows) {
    if ('ask' in row) {
      above.push(row);
    } else if (fits(row, parts, body, request, errors)) {
      for (const { ask } of above) await ask(parts, body, request);
      throw new Refusal(row.answer);
    }
  }
}

function fits<B>(
  row: Exclude<Row<B>, { ask: unknown }>,
  parts: CscParts,
  body: B,
  request: FastifyRequest,
  errors: FastifySchemaValidationError[],
): boolean {
  if ('fails' in row) return errors.length === 0 && row.fails(body, request, parts);
  return errors.some((error) => fieldOf(error) === row.field && (row.keywords?.includes(error.keyword) ?? true));
}

/** `/hash` is `hash`, `/hash/3` is `hash[]`, and a missing member is named by the error itself. */
function fieldOf({ instancePath, keyword, params }: FastifySchemaValidationError): string {
  if (keyword === 'required') return String(params.missingProperty);
  const [, field = '', element] = instancePath.split('/');
  return element === undefined ? field : `${field}[]`;
}
