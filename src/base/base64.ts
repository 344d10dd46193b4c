/**
 * Decodes canonical RFC 4648 §4 base64: standard alphabet, full padding, zero pad bits, no white space (S24).
 * Returns undefined for anything else, the empty string included.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : undefined;
}

/**
 * Decodes a digest as CSC clients send it: base64 or base64url, padded or not (design §8), pad bits zero, no white
 * space. What counts afterwards are the bytes, never the spelling. Returns undefined for anything else.
 */
export function decodeDigest(text: string): Buffer | undefined {
  return decodeBase64(text) ?? decodeOtherSpelling(text);
}

function decodeOtherSpelling(text: string): Buffer | undefined {
  const standard = text
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/={1,2}$/, '');
  const bytes = Buffer.from(standard, 'base64');
  const padding = text.length - standard.length;
  const padded = padding === 0 || text.length % 4 === 0;
  const canonical = bytes.toString('base64').replace(/=+$/, '') === standard;
  return bytes.length > 0 && padded && canonical ? bytes : undefined;
}

/** Decodes canonical RFC 4648 §5 base64url without padding. Returns undefined for anything else. */
export function decodeBase64Url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length > 0 && bytes.toString('base64url') === text ? bytes : undefined;
}
