import { type Answers, askOnTerminal, type Question } from './terminal.ts';

/** Where a command speaks with the person who started it, or with that person's script. */
export type Dialogue = {
  answers: Answers;
  /** A person sits there: whoever mistypes may try again. */
  interactive: boolean;
  print(line: string): void;
};

export const onTerminal = (): Dialogue => ({
  answers: askOnTerminal(),
  interactive: process.stdin.isTTY,
  print: (line) => void process.stdout.write(`${line}\n`),
});

/** A new secret: a person is asked until it was typed the same twice; a script writes it once. */
export async function askNew({ answers, interactive, print }: Dialogue, question: Question): Promise<string> {
  for (;;) {
    const secret = await answers.ask(question);
    if (!interactive) return secret;
    const again = await answers.ask({ ...question, vi: `${question.vi} (nhập lại)`, en: `${question.en} (again)` });
    if (secret === again) return secret;
    print('Hai lần nhập không giống nhau. / These were not the same.');
  }
}

/** What a command answers: Vietnamese, with English below. */
export function say({ print }: Dialogue, vi: string, en: string): void {
  print(vi);
  print(en);
}
