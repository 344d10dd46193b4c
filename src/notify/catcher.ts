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
    closeTimeout: 500,
    onData(stream, session, done) {
      buffer(stream)
        .then((raw) => catchMail(messages, raw, session.envelope.rcptTo))
        .then(
          () => done(),
          (error: Error) => done(error),
        );
    },
  });
  // Of a client that went away in the middle; without a listener it would end the process.
  smtp.on('error', () => {});
  const place = Buffer.from(`/${key}/messages`);
  const http = createServer((request, response) => {
    void answer(request, response, place, messages).catch(() => response.destroy());
  });
  const stop = async () => {
    http.closeAllConnections();
    await Promise.all([
      new Promise<void>((resolve) => smtp.close(() => resolve())),
      new Promise((resolve) => http.close(resolve)),
    ]);
  };
  try {
    await listening(smtp.listen(ports.smtp, host), ports.smtp);
    await listening(http.listen(ports.http, host), ports.http);
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
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
  place: Buffer,
  messages: CaughtMessages,
): Promise<void> {
  const { method, url = '' } = request;
  if (method === 'POST' && url === '/sms') return takeSms(request, response, messages);
  if (method === 'GET' && equalBytes(Buffer.from(url), place)) return send(response, 200, messages.all());
  send(response, 404, { error: 'not_found' });
}

/** The gateway's part of docs/sms-gateway.md. Only JSON by name, which no foreign web page can send here unasked. */
async function takeSms(request: IncomingMessage, response: ServerResponse, messages: CaughtMessages): Promise<void> {
  if (!request.headers['content-type']?.startsWith('application/json'))
    return send(response, 415, { error: 'unsupported_media_type' });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > largest) return send(response, 413, { error: 'too_large' });
  }
  const sms = readSms(Buffer.concat(chunks).toString());
  if (!sms) return send(response, 400, { error: 'invalid' });
  const { id, to, text } = sms;
  messages.add({ channel: 'sms', to, subject: '', text, at: new Date().toISOString() });
  send(response, 200, { receipt: `catcher-${id}` });
}

function readSms(body: string): { id: string; to: string; text: string } | undefined {
  try {
    const { id, to, text } = JSON.parse(body);
    return [id, to, text].every((one) => typeof one === 'string') ? { id, to, text } : undefined;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
  response.writeHead(status, headers).end(JSON.stringify(body));
}
