import t from 'tap';
import { matchStep } from '../../src/crypto/totp.ts';
import { codeAt } from '../helpers/authenticator.ts';

/** "12345678901234567890" in base32. */
const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

/** RFC 6238 Appendix B, SHA-1; its codes have eight digits, of which ours are the last six. */
const vectors: [seconds: number, code: string][] = [
  [59, '94287082'],
  [1_111_111_109, '07081804'],
  [1_111_111_111, '14050471'],
  [1_234_567_890, '89005924'],
  [2_000_000_000, '69279037'],
  [20_000_000_000, '65353130'],
];

t.test('S94, S41: the vectors of RFC 6238, for the server and for the app that plays the holder', async (t) => {
  for (const [seconds, eight] of vectors) {
    const code = eight.slice(-6);
    const step = Math.floor(seconds / 30);
    t.equal(codeAt(secret, seconds * 1000), code);
    t.equal(matchStep(secret, code, seconds * 1000), step, `at ${seconds} s`);
    t.equal(matchStep(secret, code, (seconds + 61) * 1000), undefined, 'two steps later it is none');
    const wrong = code.slice(0, 5) + ((Number(code[5]) + 1) % 10);
    t.equal(matchStep(secret, wrong, seconds * 1000), undefined);
  }
});
