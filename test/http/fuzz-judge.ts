import type { FastifyInstance } from 'fastify';
import type { Case } from './fuzz-cases.ts';
import type { post } from './helpers.ts';

/** No request may take longer than this, in milliseconds, on whatever machine. */
const hang = 20_000;

/** Words of engines, drivers and stacks. */
const innards =
  /\bat [\w.<> ]+\(|node:|node_modules|\.ts:\d|sqlite|postgres|drizzle|\bSQL|constraint|CKR_|pkcs|FST_|Error:|undefined|\[object/i;

export type Answer = Awaited<ReturnType<typeof post>>;

/** What is wrong with an answer, if anything. */
export function wrongWith({ statusCode, body, headers, raw }: Answer, mayFail: boolean): string | undefined {
  const type = String(headers['content-type'] ?? '');
  if (statusCode >= 500 && statusCode !== 501 && !mayFail) return 'a failure of ours';
  if (/MARKER/.test(body)) return 'it gives back what came';
  if (statusCode < 400) {
    if (body !== '' && /^application\/json/.test(type)) JSON.parse(body);
    return undefined;
  }
  if (raw.req.method === 'HEAD') return undefined;
  if (innards.test(body)) return 'innards';
  // There programs ask that read nothing but the status.
  if (/^\/(pki|tsa)\b/.test(raw.req.url ?? '') && type === 'text/plain; charset=utf-8')
    return body === '' ? 'no reason' : undefined;
  if (type !== 'application/json; charset=utf-8') return `an error of type ${type}`;
  const { error, error_description: why } = JSON.parse(body);
  return typeof error === 'string' && why ? undefined : 'no reason';
}

/** The answer of a request; undefined when there is none in time. */
export async function answerOf(app: FastifyInstance, one: Case): Promise<Answer | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), hang);
  const answer = await Promise.race([app.inject(one.make()), late.promise]);
  clearTimeout(timer);
  return answer;
}
