import { KysoError } from '../base/errors.ts';
import { type Carrier, DeliveryFailure } from './carrier.ts';
import { isLoopback } from './loopback.ts';
import { measureSms, withoutDiacritics } from './sms-text.ts';

export type SmsConfig = { url: string; text: 'ascii' | 'unicode' };

/** Milliseconds until a gateway must have answered, and how much of its answer is read. */
const patience = 20_000;
const longestAnswer = 16_384;
/** Statuses of 4xx that pass: time-out, too early, too many. A refused token is the operator's to mend. */
const passing = [401, 403, 408, 425, 429];

/**
 * SMS through an HTTP gateway (docs/sms-gateway.md): one POST for each message, with its id as `Idempotency-Key`.
 * @throws KysoError configuration — no address, one in the clear to another machine, or a token that no header can hold
 */
export function smsCarrier({ url, text: style }: SmsConfig, token: string | undefined): Carrier {
  assertSafe(url);
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new KysoError('configuration', 'secrets/sms-token is not one word of printable ASCII');
  return {
    async deliver({ id, to, text: full }, signal) {
      const text = style === 'ascii' ? withoutDiacritics(full) : full;
      const response = await post(url, token, { id, to, text, ...measureSms(text) }, signal);
      const { ok, status } = response;
      if (ok) return { receipt: await readReceipt(response) };
      await response.body?.cancel().catch(() => {});
      throw new DeliveryFailure(`SMS gateway ${status}`, status >= 400 && status < 500 && !passing.includes(status));
    },
    close() {},
  };
}

function assertSafe(url: string): void {
  const parsed = URL.parse(url);
  if (!parsed) throw new KysoError('configuration', 'notify.sms.url is no address');
  if (parsed.protocol !== 'https:' && !isLoopback(parsed.hostname))
    throw new KysoError('configuration', 'notify.sms.url: activation data would go out in the clear; use https');
  if (parsed.username || parsed.password)
    throw new KysoError('configuration', 'notify.sms.url must hold no password: put it into secrets/sms-token');
}

async function post(
  url: string,
  token: string | undefined,
  body: { id: string; [member: string]: unknown },
  signal: AbortSignal,
) {
  try {
    return await fetch(url, {
      method: 'POST',
      // Not followed: the text would go where nobody configured. The answer 3xx then counts as a failure.
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': body.id,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
    });
  } catch (cause) {
    // What fetch failed with stands under its own error; a time-out or abort has only a name.
    const { code, message } = ((cause as Error).cause ?? {}) as { code?: string; message?: string };
    throw new DeliveryFailure(`SMS gateway unreachable: ${code ?? message ?? (cause as Error).name}`, false, { cause });
  }
}

/** The gateway's own name for the message, when it gives one in printable ASCII. The message is taken in any case. */
async function readReceipt({ body }: Response): Promise<string | undefined> {
  try {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > longestAnswer) return undefined;
    }
    const { receipt } = JSON.parse(text) as { receipt?: unknown };
    return typeof receipt === 'string' && /^[\x21-\x7e]{1,100}$/.test(receipt) ? receipt : undefined;
  } catch {
    return undefined;
  }
}
