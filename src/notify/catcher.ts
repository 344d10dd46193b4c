import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { equalBytes } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import type { CaughtMessages } from './caught.ts';

export type CatcherOptions = {
  ports: { smtp: number; http: number };
  /** Part of the address at which the messages can be read. */
  key: string;
  messages: CaughtMessages;
};

const host = '127.0.0.1';
const largest = 1024 * 1024;

/**
 * A sandbox's mail server, SMS gateway and mailbox in one: takes whatever notify sends, and shows it at
 * `GET /KEY/messages`. It plays the world outside, so it has no link to any other process.
 * @throws KysoError configuration — a port is taken
 */
export async function startCatcher({ ports, key, messages }: CatcherOptions): Promise<{ stop(): Promise<void> }> {
  const smtp = new SMTPServer({
    ...{ authOptional: true, disabledCommands: ['AUTH', 'STARTTLS'], size: largest, disableReverseLookup: true },
    onData(stream, session, done) {
      buffer(stream)
        .then((raw) => catchMail(messages, raw, session.envelope.rcptTo))
        .then(
          () => done(),
          (error: Error) => done(error),
        );
    },
  });
  smtp.on('error', () => {});
  const http = createServer((request, response) => {
    void answer(request, response, key, messages).catch(() => response.destroy());
  });
  await Promise.all([
    listening(smtp.listen(ports.smtp, host), ports.smtp),
    listening(http.listen(ports.http, host), ports.http),
  ]);
  return {
    async stop() {
      http.closeAllConnections();
      await Promise.all([
        new Promise<void>((resolve) => smtp.close(() => resolve())),
        new Promise((resolve) => http.close(resolve)),
      ]);
    },
  };
}

async function listening(server: NodeJS.EventEmitter, port: number): Promise<void> {
  await once(server, 'listening').catch((cause: unknown) => {
    throw new KysoError(
      'configuration',
      `the sandbox's catcher cannot listen on ${host}:${port}: choose another port for the API (--port), its ports follow`,
      { cause },
    );
  });
}

async function catchMail(messages: CaughtMessages, raw: Buffer, recipients: { address: string }[]): Promise<void> {
  const { subject = '', text = '' } = await PostalMime.parse(raw);
  for (const { address } of recipients) {
    messages.add({ channel: 'email', to: address, subject, text, at: new Date().toISOString() });
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  key: string,
  messages: CaughtMessages,
): Promise<void> {
  const { method, url = '' } = request;
  const place = Buffer.from(url);
  if (method === 'POST' && url === '/sms') return takeSms(request, response, messages);
  if (method === 'GET' && equalBytes(place, Buffer.from(`/${key}/messages`)))
    return send(response, 200, messages.all());
  send(response, 404, { error: 'not_found' });
}

/** The gateway's part of docs/sms-gateway.md. */
async function takeSms(request: IncomingMessage, response: ServerResponse, messages: CaughtMessages): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk);
    if (chunks.reduce((sum, { length }) => sum + length, 0) > largest)
      return send(response, 413, { error: 'too_large' });
  }
  const { id, to, text } = JSON.parse(Buffer.concat(chunks).toString());
  messages.add({ channel: 'sms', to: String(to), subject: '', text: String(text), at: new Date().toISOString() });
  send(response, 200, { receipt: `catcher-${id}` });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
  response.writeHead(status, headers).end(JSON.stringify(body));
}
