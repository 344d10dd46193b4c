/** The languages that the API's own texts exist in, as BCP 47 tags. */
export type Lang = 'en-US' | 'vi-VN';

export type Texts = Record<Lang, string>;

/** Which language answers a wish: Vietnamese for `vi` and its regions, English for everything else and no wish. */
export function langOf(wish?: string): Lang {
  return /^vi(?:-|$)/i.test(wish ?? '') ? 'vi-VN' : 'en-US';
}
