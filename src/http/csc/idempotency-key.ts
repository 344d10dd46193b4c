import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { KysoError } from '../../base/errors.ts';
import { IdempotencyKey } from '../../ipc/fields.ts';
import { answers } from './errors.ts';

const form = Compile(IdempotencyKey);

/** The header as the OpenAPI document shows it. */
export const idempotencyKeyHeader = {
  name: 'Idempotency-Key',
  description:
    'A name of your own for this request, new for each. Sent again with the same key, for instance after a lost connection, the request is not done again: it gets the first answer, until ten minutes after the SAD has expired.',
  schema: Type.Optional(IdempotencyKey),
};

/** What the header can be refused for. */
export const idempotencyRefusals = [
  answers.idempotencyKeyInvalid,
  answers.idempotencyKeyReused,
  answers.requestRunning,
];

/** The value of a request's Idempotency-Key header, if it has one. @throws KysoError idempotencyKeyInvalid */
export function idempotencyKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (form.Check(key)) return key;
  throw new KysoError('idempotencyKeyInvalid');
}
