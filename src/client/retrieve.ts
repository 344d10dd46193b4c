import { setTimeout } from 'node:timers/promises';
import { codeIn, KysoError } from '../base/errors.ts';

/** What goes to an address: nothing (GET), or `body` of this media type (POST). `most` bounds the answer, in bytes. */
export type Question = { body?: Uint8Array; type?: string; most: number };

/** Asks an address of a time-stamping or certification authority and answers the body of a success. */
export type Retrieve = (url: string, question: Question) => Promise<Uint8Array>;

/** Milliseconds for one try, answer included. */
const patience = 10_000;

/** Milliseconds before the second try. */
const pause = 500;

/**
 * Over http or https, without redirections: what comes is signed, and is verified by who asked. An answer that fails
 * for a reason that may pass (no connection, not in time, 5xx) is asked for once more.
 * @throws KysoError unavailable — not such an address, no success, or an answer that is too long; says which
 */
export const retrieve: Retrieve = async (url, question) => {
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  if (protocol !== 'http:' && protocol !== 'https:') throw new KysoError('unavailable', `${url} is no http address.`);
  const first = await attempt(url, question);
  if (!('again' in first)) return first;
  await setTimeout(pause);
  const second = await attempt(url, question);
  if (!('again' in second)) return second;
  throw second.again;
};

async function attempt(url: string, { body, type, most }: Question): Promise<Uint8Array | { again: KysoError }> {
  const signal = AbortSignal.timeout(patience);
  let response: Response;
  try {
    const post = body && { method: 'POST', body: Buffer.from(body), headers: { 'Content-Type': type ?? '' } };
    response = await fetch(url, { ...post, redirect: 'error', signal });
    if (response.ok) return await bounded(response, url, most);
    await response.body?.cancel();
  } catch (cause) {
    if (cause instanceof KysoError) throw cause;
    const why = signal.aborted ? 'did not answer in time' : `cannot be reached (${codeIn(cause) || 'no connection'})`;
    return { again: new KysoError('unavailable', `${url} ${why}.`, { cause }) };
  }
  const refused = new KysoError('unavailable', `${url} answered with HTTP ${response.status}.`);
  if (response.status >= 500) return { again: refused };
  throw refused;
}

/** The body, read no further than it may be long. */
async function bounded(response: Response, url: string, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > most) throw new KysoError('unavailable', `The answer of ${url} is longer than ${most} bytes.`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
