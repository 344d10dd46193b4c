import { KysoError } from '../base/errors.ts';
import { type Carrier, DeliveryFailure } from './carrier.ts';
import { isLoopback } from './loopback.ts';
import { measureSms, withoutDiacritics } from './sms-text.ts';

export type SmsConfig = { url: string; text: 'ascii' | 'unicode' };

const patience = 20_000;
/** Statuses that pass: time-out, too early, too many. */
const passing = [408, 425, 429];

/**
 * SMS through an HTTP gateway (docs/sms-gateway.md): one POST for each message, with its id as `Idempotency-Key`.
 * @throws KysoError configuration — in the clear to another machine
 */
export function smsCarrier({ url, text: style }: SmsConfig, token: string | undefined): Carrier {
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'https:' && !isLoopback(hostname))
    throw new KysoError('configuration', 'notify.sms.url: activation data would go out in the clear; use https');
  return {
    async deliver({ id, to, text: full }) {
      const text = style === 'ascii' ? withoutDiacritics(full) : full;
      const response = await post(url, token, id, { id, to, text, ...measureSms(text) });
      if (response.ok) return readReceipt(response);
      await response.body?.cancel();
      const permanent = response.status >= 400 && response.status < 500 && !passing.includes(response.status);
      throw new DeliveryFailure(`SMS gateway ${response.status}`, permanent);
    },
    close() {},
  };
}

async function post(url: string, token: string | undefined, id: string, body: object): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      redirect: 'error',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': id,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(patience),
    });
  } catch (cause) {
    throw new DeliveryFailure('SMS gateway unreachable', false, { cause });
  }
}

/** The gateway's own name for the message, when it gives one. The message is taken in any case. */
async function readReceipt(response: Response): Promise<{ receipt?: string }> {
  const answer: unknown = await response.json().catch(() => undefined);
  const receipt = typeof answer === 'object' && answer !== null && 'receipt' in answer ? answer.receipt : undefined;
  return typeof receipt === 'string' ? { receipt: receipt.slice(0, 100) } : {};
}
