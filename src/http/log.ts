import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify';
import { KysoError, kindOf } from '../base/errors.ts';
import { atOnce } from './at-once.ts';

/** `stream` is where JSON lines go; standard output without it. */
export type LogOptions = {
  level: 'silent' | 'error' | 'warn' | 'info';
  stream?: { write(line: string): void };
};

/** pino's options. Its own serializers would write URLs and addresses; ours write nothing but what is named here (S29). */
export function loggerOptions({ level, stream }: LogOptions): NonNullable<FastifyServerOptions['logger']> {
  return {
    level,
    ...(stream ? { stream } : {}),
    base: null,
    serializers: { req: () => ({}), res: () => ({}), err: (error: unknown) => faultFacts(error) as never },
  };
}

/** One line for each answer: method, route pattern, status, milliseconds, request id. Never a header, query or body. */
export function logAnswers(app: FastifyInstance): void {
  app.addHook(
    'onResponse',
    atOnce((request, reply) => {
      const { method, routeOptions } = request;
      const ms = Math.round(reply.elapsedTime);
      request.log.info({ method, route: routeOptions.url ?? 'none', status: reply.statusCode, ms }, 'answered');
    }),
  );
}

/** For the operator: a failure of ours, next to its request id. What was refused with good reason is not logged. */
export function logFault(request: FastifyRequest, error: unknown): void {
  request.log.error({ err: error }, 'failed');
}

/**
 * A KysoError's message is made for the log. Of any other error only name, code and place are: its message may quote
 * a query with its parameters.
 */
function faultFacts(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { kind: kindOf(error) };
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return {
    kind: kindOf(error),
    name: error.name,
    ...('code' in error ? { code: error.code } : {}),
    ...(error instanceof KysoError ? { message: error.message } : {}),
    at: frames.slice(0, 8).map((line) => line.trim()),
    ...(error.cause === undefined ? {} : { cause: faultFacts(error.cause) }),
  };
}
