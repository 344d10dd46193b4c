import { KysoError } from '../base/errors.ts';

/**
 * One line of JSON on stderr for the operator. Errors are shown by kind, message and cause; Kyso never puts a secret
 * into one, and nothing of a request is logged here (S26).
 */
export function log(event: string, facts: Record<string, unknown> = {}): void {
  const shown = Object.entries(facts).map(([name, value]) => [name, value instanceof Error ? describe(value) : value]);
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), event, ...Object.fromEntries(shown) })}\n`);
}

function describe(error: Error): string {
  const kind = error instanceof KysoError ? `${error.kind}: ` : '';
  const cause = error.cause instanceof Error ? ` ← ${describe(error.cause)}` : '';
  return `${kind}${error.message}${cause}`;
}
