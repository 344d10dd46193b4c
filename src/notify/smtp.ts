import { createTransport } from 'nodemailer';
import { KysoError } from '../base/errors.ts';
import { atOnce, type Carrier, DeliveryFailure } from './carrier.ts';
import { isLoopback } from './loopback.ts';

export type SmtpConfig = {
  host: string;
  port: number;
  security: 'tls' | 'starttls' | 'none';
  user?: string | undefined;
  from: string;
};

/** Milliseconds for each step of a conversation with a mail server. */
const patience = { dnsTimeout: 10_000, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000 };

/**
 * E-mail through one SMTP server. Its certificate is verified, and with `starttls` nothing is said before TLS stands.
 * @throws KysoError configuration — in the clear to another machine, a user without a password, or a `from` without a domain
 */
export function smtpCarrier(config: SmtpConfig, password: string | undefined): Carrier {
  const { host, port, security, user } = config;
  if (security === 'none' && !isLoopback(host)) {
    throw new KysoError(
      'configuration',
      `notify.smtp: codes would go to ${host} in the clear; set security to starttls or tls`,
    );
  }
  if (user !== undefined && password === undefined)
    throw new KysoError('configuration', 'notify.smtp has a user: put the password into secrets/smtp-password');
  const from = readSender(config.from);
  const transport = createTransport({
    ...{ host, port, ...patience },
    ...{ secure: security === 'tls', requireTLS: security === 'starttls', ignoreTLS: security === 'none' },
    ...{ tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2' } },
    ...(user !== undefined && { auth: { user, pass: password } }),
    ...{ pool: true, maxConnections: atOnce, maxRequeues: 1, disableFileAccess: true, disableUrlAccess: true },
  });

  return {
    async deliver({ id, to, subject, text }, signal) {
      try {
        await transport.sendMail({
          ...{ from, to: { name: '', address: to }, subject, text, signal },
          // The same at each try: a receiver that got it twice can tell.
          messageId: `<${id}@${from.address.replace(/^.*@/, '')}>`,
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

/** `name@domain` or `Name <name@domain>`, taken apart here so that a comma in a name is no second sender. */
function readSender(text: string): { name: string; address: string } {
  const [, name = '', bracketed, bare] = /^(?:([^<>\r\n]*)<([^<>]+)>|(.*))$/.exec(text) ?? [];
  const address = bracketed ?? bare ?? '';
  if (!/^[^\s<>@,;:"]+@[A-Za-z0-9.-]+$/.test(address))
    throw new KysoError('configuration', 'notify.smtp.from is no address: write name@domain or Name <name@domain>');
  return { name: name.replaceAll('"', '').trim(), address };
}

/** What nodemailer says of a failure: its own code, the system's under it, and the server's answer to which command. */
type SmtpError = { code?: string; originalCode?: string; responseCode?: number; response?: string; command?: string };

function failureOf(cause: unknown): DeliveryFailure {
  const error = cause as SmtpError;
  const { responseCode, code = 'failed', originalCode } = error;
  const trouble = responseCode ? `SMTP ${responseCode}` : ['SMTP', code, originalCode].filter(Boolean).join(' ');
  return new DeliveryFailure(trouble, isPermanent(error), { cause });
}

/**
 * A 5xx about this recipient or this message is final. One about us is the operator's to mend, and the message waits: a
 * refused login or sender, a relay that wants to know us (RFC 4954 §6: 53x; RFC 3463 §3.8: 5.7.x at RCPT).
 */
function isPermanent({ code, responseCode = 0, response = '', command }: SmtpError): boolean {
  if (responseCode < 500 || (responseCode >= 530 && responseCode <= 539) || responseCode === 503) return false;
  if (code === 'EMESSAGE') return true;
  return code === 'EENVELOPE' && command === 'RCPT TO' && !/^5\d\d[ -]5\.7\./.test(response);
}
