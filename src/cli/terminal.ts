import { createInterface, type Interface } from 'node:readline';
import { KysoError } from '../base/errors.ts';

export type Question = {
  vi: string;
  en: string;
  /** What is typed is not shown. */
  secret?: boolean;
};

/** Whoever answers questions: a person at a terminal, or a script whose lines come in the order of the questions. */
export type Answers = {
  ask(question: Question): Promise<string>;
  close(): void;
};

/** Questions and progress go to standard error, so that standard output is only what a command answers. */
export function askOnTerminal(): Answers {
  return process.stdin.isTTY ? fromPerson() : fromLines();
}

function fromPerson(): Answers {
  return {
    close() {},
    ask: ({ vi, en, secret = false }) =>
      new Promise((resolve, reject) => {
        const prompt = `${vi} / ${en}: `;
        // Raw mode for secrets alone: there, each key is ours to show or not.
        if (secret) return void readHidden(prompt, resolve, reject);
        process.stderr.write(prompt);
        const line = createInterface({ input: process.stdin, output: process.stderr });
        line.once('line', (text) => {
          line.close();
          resolve(text.trim());
        });
        line.once('SIGINT', () => {
          line.close();
          reject(stopped());
        });
      }),
  };
}

const [enter, newLine, backspace, erase, interrupt, endOfInput] = ['\r', '\n', '\b', '\u007f', '\u0003', '\u0004'];

function readHidden(prompt: string, resolve: (text: string) => void, reject: (error: Error) => void): void {
  const { stdin } = process;
  const characters: string[] = [];
  stdin.setRawMode(true);
  stdin.resume();
  stdin.setEncoding('utf8');
  const end = (finish: () => void) => {
    stdin.off('data', onData);
    stdin.setRawMode(false);
    stdin.pause();
    process.stderr.write('\n');
    finish();
  };
  const onData = (text: string) => {
    for (const key of text) {
      if (key === enter || key === newLine) return end(() => resolve(characters.join('')));
      if (key === interrupt || key === endOfInput) return end(() => reject(stopped()));
      if (key === backspace || key === erase) characters.pop();
      else characters.push(key);
    }
  };
  stdin.on('data', onData);
  // Not before: who answers at once would be shown by the terminal.
  process.stderr.write(prompt);
}

function fromLines(): Answers {
  let lines: Interface | undefined;
  let iterator: AsyncIterator<string> | undefined;
  return {
    close: () => lines?.close(),
    async ask({ vi, en }) {
      lines ??= createInterface({ input: process.stdin });
      iterator ??= lines[Symbol.asyncIterator]();
      const { value, done } = await iterator.next();
      if (done) throw new KysoError('configuration', `no line of input is left for: ${vi} / ${en}`);
      return value;
    },
  };
}

const stopped = () => new KysoError('configuration', 'stopped / đã dừng');
