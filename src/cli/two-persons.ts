import { KysoError } from '../base/errors.ts';
import type { Dialogue } from './dialogue.ts';

/** How many hex digits of a fingerprint a person types, so as to have looked at it. */
const typed = 8;

/**
 * The names of the two persons who hold a ceremony.
 * @throws KysoError configuration — one of them has no name, or they are one
 */
export async function askTwoPersons({ answers }: Dialogue): Promise<string[]> {
  const names: string[] = [];
  for (const [vi, en] of [
    ['Người thứ nhất', 'first person'],
    ['Người thứ hai', 'second person'],
  ] as const) {
    const name = (await answers.ask({ vi: `${vi} (họ và tên)`, en: `${en} (full name)` })).trim().normalize('NFC');
    if (name === '' || names.some((other) => other.toLowerCase() === name.toLowerCase()))
      throw new KysoError('configuration', 'two persons hold this ceremony together: each gives a name of their own');
    names.push(name);
  }
  return names;
}

/**
 * Each of them types the beginning of a fingerprint (hex) that was shown. A person at a terminal who mistypes is asked
 * again, twice.
 * @throws KysoError configuration — one of them did not confirm it
 */
export async function confirmFingerprint(
  { answers, interactive, print }: Dialogue,
  persons: readonly string[],
  { of, fingerprint }: { of: string; fingerprint: string },
): Promise<void> {
  const expected = fingerprint.slice(0, typed).toLowerCase();
  for (const person of persons) {
    const question = {
      vi: `${person}: gõ ${typed} ký tự đầu của dấu vân tay của ${of} để xác nhận`,
      en: `${person}: type the first ${typed} digits of the fingerprint of ${of} to confirm it`,
    };
    for (let tries = interactive ? 3 : 1; ; tries -= 1) {
      const answer = (await answers.ask(question)).replace(/[\s:]/g, '').toLowerCase();
      if (answer === expected) break;
      if (tries <= 1) throw new KysoError('configuration', `${person} did not confirm ${of}: nothing was made`);
      print('Không giống. / This is not it.');
    }
  }
}
