import { createTransport } from 'nodemailer';
import { KysoError } from '../base/errors.ts';
import { type Carrier, DeliveryFailure } from './carrier.ts';
import { isLoopback } from './loopback.ts';

export type SmtpConfig = {
  host: string;
  port: number;
  security: 'tls' | 'starttls' | 'none';
  user?: string | undefined;
  from: string;
};

/** Milliseconds for each step of a conversation with a mail server. */
const patience = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000 };

/**
 * E-mail through one SMTP server. Its certificate is verified, and with `starttls` nothing is said before TLS stands.
 * @throws KysoError configuration — in the clear to another machine, or a user without a password
 */
export function smtpCarrier(config: SmtpConfig, password: string | undefined): Carrier {
  const { host, port, security, user, from } = config;
  if (security === 'none' && !isLoopback(host)) {
    throw new KysoError(
      'configuration',
      `notify.smtp: codes would go to ${host} in the clear; set security to starttls or tls`,
    );
  }
  if (user !== undefined && password === undefined)
    throw new KysoError('configuration', 'notify.smtp has a user: put the password into secrets/smtp-password');
  const transport = createTransport({
    ...{ host, port, ...patience },
    ...{ secure: security === 'tls', requireTLS: security === 'starttls', ignoreTLS: security === 'none' },
    ...(user !== undefined && { auth: { user, pass: password } }),
    ...{ pool: true, maxConnections: 2, disableFileAccess: true, disableUrlAccess: true },
  });
  const domain = from.replace(/^.*@/, '').replace(/>.*$/, '');

  return {
    async deliver({ id, to, subject, text }) {
      try {
        await transport.sendMail({
          ...{ from, to: { name: '', address: to }, subject, text },
          // The same at each try: a receiver that got it twice can tell.
          messageId: `<${id}@${domain}>`,
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
        return {};
      } catch (cause) {
        throw failureOf(cause);
      }
    },
    close: () => transport.close(),
  };
}

/** A 5xx about this recipient or message is final; a refused login is the operator's to mend, and everything else passes. */
function failureOf(cause: unknown): DeliveryFailure {
  const { code = 'failed', responseCode } = cause as { code?: string; responseCode?: number };
  const permanent = (code === 'EENVELOPE' || code === 'EMESSAGE') && responseCode !== undefined && responseCode >= 500;
  return new DeliveryFailure(responseCode === undefined ? `SMTP ${code}` : `SMTP ${responseCode}`, permanent, {
    cause,
  });
}
