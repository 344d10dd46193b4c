import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** A message as its receiver sees it; `subject` is empty for an SMS, `at` ISO 8601. */
export type Caught = { channel: 'email' | 'sms'; to: string; subject: string; text: string; at: string };

/** The catcher keeps this many; a sandbox needs no more, and its memory stays bounded. */
const most = 500;

export type CaughtMessages = { add(message: Caught): void; all(): readonly Caught[] };

/**
 * The newest 500 messages, newest last, in memory and in a file (0600, one JSON object a line) that a restart reads
 * again. The file is written anew at each start and whenever it holds twice as many.
 */
export function caughtMessages(file: string): CaughtMessages {
  let messages = existsSync(file) ? readFileSync(file, 'utf8').split('\n').flatMap(readLine).slice(-most) : [];
  let lines = rewrite(file, messages);
  return {
    all: () => messages,
    add(message) {
      messages = [...messages, message].slice(-most);
      if (lines >= 2 * most) lines = rewrite(file, messages);
      else {
        appendFileSync(file, lineOf(message));
        lines += 1;
      }
    },
  };
}

/** In one step, so that a crash leaves the old file or the new one. */
function rewrite(file: string, messages: Caught[]): number {
  writeFileSync(`${file}.new`, messages.map(lineOf).join(''), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return messages.length;
}

const lineOf = (message: Caught) => `${JSON.stringify(message)}\n`;

/** A line that a crash cut off counts as none. */
function readLine(line: string): Caught[] {
  try {
    return [JSON.parse(line) as Caught];
  } catch {
    return [];
  }
}
