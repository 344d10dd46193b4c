import { createHash } from 'node:crypto';
import { request } from 'node:http';

/** An answer as a client has it before it looks at anything. */
export type Answer = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The body as JSON; throws where the client would. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer is what the assertions find in it
  json(): any;
};

/** Sends exactly these headers, in this order and spelling, and this body. */
export function replay(url: string, headers: [string, string][], body: string, method = 'POST'): Promise<Answer> {
  const bytes = Buffer.from(body);
  const { host } = new URL(url);
  const lines = headers.map(([name, value]) => [
    name,
    value.replace('{host}', host).replace('{length}', `${bytes.length}`),
  ]);
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: lines.flat(), agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, json: () => JSON.parse(text) });
      });
    });
    sent.on('error', reject);
    sent.end(bytes);
  });
}

export const digestOf = (text: string, algorithm = 'sha256') => createHash(algorithm).update(text).digest('base64');

/** `json.dumps` of Python: a blank behind colons and commas, nothing but ASCII. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([name, member]) => `${ascii(JSON.stringify(name))}: ${pythonJson(member)}`,
    );
    return `{${members.join(', ')}}`;
  }
  return ascii(JSON.stringify(value));
}

/** `json_encode` of PHP: `\/` for slashes, nothing but ASCII. */
export const phpJson = (value: unknown) => ascii(JSON.stringify(value)).replaceAll('/', '\\/');

/** `json.Marshal` of Go over a map: sorted names, `<`, `>` and `&` escaped. */
export function goJson(value: Record<string, unknown>): string {
  const sorted = Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify(sorted).replace(/[<>&]/g, escaped);
}

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
const ascii = (json: string) => json.replace(/[^\0-\x7f]/g, escaped);
