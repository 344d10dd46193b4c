import { setTimeout as delay } from 'node:timers/promises';
import { KysoError } from '../base/errors.ts';

/** What a sandbox's catcher took: newest last. */
export type CaughtMessage = { channel: 'email' | 'sms'; to: string; subject: string; text: string; at: string };

/** All messages that the catcher at `url` holds. @throws KysoError unavailable — it does not answer */
export async function readMessages(url: string): Promise<CaughtMessage[]> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return (await response.json()) as CaughtMessage[];
  } catch (cause) {
    throw new KysoError('unavailable', "the sandbox's catcher does not answer: is kyso demo or kyso serve running?", {
      cause,
    });
  }
}

/**
 * The newest message to `to` that `fits`; waits for it, since messages take a moment.
 * @throws KysoError unavailable — none came within 30 s
 */
export async function untilMessage(
  url: string,
  to: string,
  fits: (message: CaughtMessage) => boolean,
): Promise<CaughtMessage> {
  for (let tries = 0; tries < 300; tries += 1) {
    const found = (await readMessages(url)).findLast((message) => message.to === to && fits(message));
    if (found) return found;
    await delay(100);
  }
  throw new KysoError('unavailable', `no message to ${to} arrived within 30 s`);
}

/** The activation half in a message, as its holder would copy it: groups of base32 with hyphens. */
export function halfIn(text: string): string | undefined {
  return /\b[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{1,4}){3,}\b/.exec(text)?.[0];
}

/** A message for the terminal: who, what, and its text indented. */
export function describeMessage({ channel, to, subject, text, at }: CaughtMessage): string {
  const head = `${at.slice(11, 19)}  ${channel === 'sms' ? 'SMS' : 'E-mail'} → ${to}${subject ? `  ${subject}` : ''}`;
  const lines = text.trim().split('\n');
  return [head, ...lines.map((line) => `    ${line}`)].join('\n');
}
