import { setTimeout as delay } from 'node:timers/promises';

export type Answer = { status: number; body: Record<string, unknown> & { error?: string; error_description?: string } };

/** What a client of a service that may be killed at any time needs: answers, or the knowledge that there was none. */
export type Client = {
  /** One request. Undefined when no answer came: then nobody knows what became of it. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer | undefined>;
  /** The same request again and again, until there is an answer that does not say "later". */
  insist(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
};

/** How long a request may take in milliseconds, and how long a client goes on trying. */
const patience = 20_000;
const perseverance = 60_000;

let sources = 0;

/** A client behind a trusted proxy: each request comes from an address of its own, so that no throttle stops the load. */
export function client(baseUrl: string): Client {
  const self: Client = {
    async post(path, body, own = {}) {
      sources += 1;
      const headers = {
        'content-type': 'application/json',
        'x-forwarded-for': `10.${(sources >> 16) & 255}.${(sources >> 8) & 255}.${sources & 255}`,
        ...own,
      };
      try {
        const options = { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(patience) };
        const response = await fetch(`${baseUrl}${path}`, options);
        const text = await response.text();
        return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
      } catch {
        return undefined;
      }
    },
    async insist(path, body, headers) {
      const end = performance.now() + perseverance;
      for (;;) {
        const answer = await self.post(path, body, headers);
        if (answer && answer.status < 500) return answer;
        if (performance.now() > end) throw new Error(`${path}: no answer in a minute (${JSON.stringify(answer)})`);
        await delay(50);
      }
    },
  };
  return self;
}
