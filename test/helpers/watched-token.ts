import type { Test } from 'tap';
import { tokenLabels } from '../../src/activation/context.ts';
import { startToken, type Token, type TokenConfig } from '../../src/hsm/pool.ts';
import { makeSoftHsmToken } from './softhsm.ts';

/** A real SoftHSM token with the signer's keys, running until the test ends. Takes seconds: one for a file. */
export async function signerToken(t: Test, change: Partial<TokenConfig> = {}): Promise<Token> {
  const secretKeys = [tokenLabels.pepper, tokenLabels.rowMac, tokenLabels.seeds];
  const { config, pin } = await makeSoftHsmToken(
    t,
    [
      { label: tokenLabels.kek, kind: 'AES-256-KEK' },
      ...secretKeys.map((label) => ({ label, kind: 'HMAC-SHA256' as const })),
      { label: tokenLabels.attestation, kind: 'EC-P256' },
    ],
    'kyso-signer',
  );
  const token = await startToken({ ...config, ...change }, pin(), {
    onPinRefused: () => t.fail('the PIN was refused'),
  });
  t.teardown(() => token.stop());
  return token;
}

/** A token that counts what it is asked to sign with subscribers' keys, and that fails on demand. */
export type WatchedToken = Token & {
  /** The digests of each call of `sign`, in hex. */
  signed: string[][];
  /** Called before each operation; throws to make the token fail. */
  before: (operation: 'sign' | 'hmac') => void | Promise<void>;
};

export function watchToken(token: Token): WatchedToken {
  const watched: WatchedToken = {
    ...token,
    signed: [],
    before: () => {},
    async sign(request) {
      watched.signed.push(request.digests.map((digest) => digest.toString('hex')));
      await watched.before('sign');
      return token.sign(request);
    },
    async hmac(request) {
      await watched.before('hmac');
      return token.hmac(request);
    },
  };
  return watched;
}
