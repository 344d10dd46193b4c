import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** A message as its receiver sees it; `subject` is empty for an SMS, `at` ISO 8601. */
export type Caught = { channel: 'email' | 'sms'; to: string; subject: string; text: string; at: string };

/** The catcher keeps this many; a sandbox needs no more, and its memory stays bounded. */
const most = 500;

export type CaughtMessages = { add(message: Caught): void; all(): Caught[] };

/** Messages in arrival order, in memory and in a file (0600, one JSON object a line) that a restart reads again. */
export function caughtMessages(file: string): CaughtMessages {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  let messages = lines.flatMap(readLine).slice(-most);
  return {
    all: () => messages,
    add(message) {
      messages = [...messages, message];
      if (messages.length <= most) return appendFileSync(file, `${JSON.stringify(message)}\n`, { mode: 0o600 });
      messages = messages.slice(-most / 2);
      const temporary = `${file}.new`;
      writeFileSync(temporary, messages.map((one) => `${JSON.stringify(one)}\n`).join(''), { mode: 0o600 });
      renameSync(temporary, file);
    },
  };
}

/** A line that a crash cut off counts as none. */
function readLine(line: string): Caught[] {
  try {
    return [JSON.parse(line) as Caught];
  } catch {
    return [];
  }
}
