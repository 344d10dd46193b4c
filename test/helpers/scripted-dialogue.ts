import type { Dialogue } from '../../src/cli/dialogue.ts';
import type { Question } from '../../src/cli/terminal.ts';

/** A dialogue whose persons answer by `answer`, which is given the question and everything that was printed so far. */
export function scriptedDialogue(answer: (question: string, printed: string) => string) {
  const printed: string[] = [];
  const asked: string[] = [];
  const dialogue: Dialogue = {
    interactive: false,
    print: (line) => void printed.push(line),
    answers: {
      ask: async ({ en }: Question) => {
        asked.push(en);
        return answer(en, printed.join('\n'));
      },
      close: () => {},
    },
  };
  return { dialogue, printed, asked };
}
