import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** What the server does with the next mails: at RCPT and after DATA. `drop`: takes the mail and hangs up without a word. */
export type Behaviour = {
  recipient?: { responseCode: number; message: string };
  sender?: { responseCode: number; message: string };
  data?: { responseCode: number; message: string } | 'drop' | 'hang';
};

export type Mail = { raw: string; recipients: string[]; parsed: Email; secure: boolean; user: string | undefined };

export type MailServer = {
  port: number;
  /** All that it got whole, whatever it answered. */
  mails: Mail[];
  behave: Behaviour;
  /** Listens again on its port after `stop`. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

type Teardown = { teardown(handler: () => unknown): void };

/** A real SMTP server on this machine that does as it is told. */
export async function startMailServer(t: Teardown, options: SMTPServerOptions = {}, port = 0): Promise<MailServer> {
  let smtp: SMTPServer | undefined;
  const self: MailServer = {
    ...{ port, mails: [], behave: {} },
    async start() {
      smtp = serve(self, options);
      const server = smtp.listen(self.port, '127.0.0.1');
      await once(server, 'listening');
      self.port = (server.address() as AddressInfo).port;
    },
    async stop() {
      const ended = new Promise<void>((resolve) => (smtp ? smtp.close(() => resolve()) : resolve()));
      for (const connection of smtp?.connections ?? []) connection.close();
      smtp = undefined;
      await ended;
    },
  };
  t.teardown(() => self.stop());
  await self.start();
  return self;
}

function serve(self: MailServer, options: SMTPServerOptions): SMTPServer {
  const smtp = new SMTPServer({
    ...{ authOptional: true, disabledCommands: ['AUTH', 'STARTTLS'], disableReverseLookup: true, closeTimeout: 200 },
    onMailFrom: (_address, _session, done) => done(refusal(self.behave.sender)),
    onRcptTo: (_address, _session, done) => done(refusal(self.behave.recipient)),
    onData(stream, session, done) {
      void buffer(stream).then(async (raw) => {
        const recipients = session.envelope.rcptTo.map(({ address }) => address);
        const [secure, user] = [session.secure === true, session.user as string | undefined];
        self.mails.push({ raw: raw.toString(), recipients, parsed: await PostalMime.parse(raw), secure, user });
        const { data } = self.behave;
        if (data === 'hang') return;
        if (data === 'drop') for (const connection of smtp.connections) connection.close();
        else done(refusal(data));
      });
    },
    ...options,
  });
  smtp.on('error', () => {});
  return smtp;
}

function refusal(told: { responseCode: number; message: string } | undefined): Error | null {
  return told ? Object.assign(new Error(told.message), { responseCode: told.responseCode }) : null;
}
