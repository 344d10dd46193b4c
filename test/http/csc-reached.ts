import type { LightMyRequestResponse } from 'fastify';

const rows = new Set<string>();

/** A row as its table prints it, whatever certificate its text names. */
const keyOf = (method: string, status: number, error: string, text: string) =>
  JSON.stringify([method, status, error, text.replace(/'O=.*,CN=.*'/, "'O=[organization],CN=[common_name]'")]);

/** Keeps in mind that a method gave this error answer. */
export function note(method: string, { statusCode, json }: LightMyRequestResponse): void {
  const { error, error_description: text } = json();
  rows.add(keyOf(method, statusCode, error, text));
}

/** The rows of a method that were answered so far, as [status, error, text]. */
export function reachedOf(method: string): [number, string, string][] {
  const all = [...rows].map((row): [string, number, string, string] => JSON.parse(row));
  return all.filter(([name]) => name === method).map(([, ...row]) => row);
}

export const reached = (...row: Parameters<typeof keyOf>): boolean => rows.has(keyOf(...row));
