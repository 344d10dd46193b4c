/** Text from elsewhere for the terminal: no control or direction character of it acts there (S29). */
export const plain = (text: string) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');

/** An instant as people in Việt Nam write it, by their clock: the same that Kyso's messages name. */
export const when = (instant: number) => new Date(instant).toLocaleString('vi-VN', { timeZone: 'Asia/Ho_Chi_Minh' });
