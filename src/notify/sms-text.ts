/** GSM 03.38's basic alphabet, one septet each. */
const basic =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';

/** Its extension table: two septets each. */
const extended = '^{}\\[~]|€\f';

export type SmsEncoding = 'GSM-7' | 'UCS-2';

/**
 * How a text travels (3GPP TS 23.038, 23.040): in 7-bit characters where all of it can, else in UCS-2; and in how many
 * parts, of 160 or 70 characters alone, 153 or 67 where there are several. No character is cut in two.
 */
export function measureSms(text: string): { encoding: SmsEncoding; segments: number } {
  const characters = [...text];
  const septets = characters.map((one) => (basic.includes(one) ? 1 : extended.includes(one) ? 2 : 0));
  if (septets.every((width) => width > 0)) return { encoding: 'GSM-7', segments: segments(septets, 160, 153) };
  return {
    encoding: 'UCS-2',
    segments: segments(
      characters.map((one) => one.length),
      70,
      67,
    ),
  };
}

function segments(widths: number[], alone: number, several: number): number {
  const total = widths.reduce((sum, width) => sum + width, 0);
  if (total <= alone) return 1;
  let count = 1;
  let used = 0;
  for (const width of widths) {
    if (used + width > several) {
      count += 1;
      used = 0;
    }
    used += width;
  }
  return count;
}

/** Vietnamese without diacritics, which fits GSM-7: 160 characters instead of 70. */
export function withoutDiacritics(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replaceAll('đ', 'd').replaceAll('Đ', 'D');
}
