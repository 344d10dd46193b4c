import type { Test } from 'tap';
import { tokenLabels } from '../../src/activation/context.ts';
import { startToken, type Token, type TokenConfig } from '../../src/hsm/pool.ts';
import type { ResidentKeySpec } from '../../src/hsm/protocol.ts';
import type { TestToken } from './softhsm.ts';
import { type Provider, softHsm } from './tokens.ts';

/** A token with the signer's keys. */
export async function makeSignerToken(t: Test, provider: Provider = softHsm): Promise<TestToken> {
  const secretKeys = [tokenLabels.pepper, tokenLabels.rowMac, tokenLabels.seeds];
  const keys: ResidentKeySpec[] = [
    { label: tokenLabels.kek, kind: 'AES-256-KEK' },
    ...secretKeys.map((label) => ({ label, kind: 'HMAC-SHA256' as const })),
    { label: tokenLabels.attestation, kind: 'EC-P256' },
  ];
  return provider.makeToken(t, keys, 'kyso-signer');
}

/** The same, running until the test ends. */
export async function openTestToken(
  t: Test,
  { config, pin }: TestToken,
  change: Partial<TokenConfig> = {},
): Promise<Token> {
  const token = await startToken({ ...config, ...change }, pin(), {
    onPinRefused: () => t.fail('the PIN was refused'),
  });
  t.teardown(() => token.stop());
  return token;
}

/** A real SoftHSM token with the signer's keys, running until the test ends. Takes seconds: one for a file. */
export async function signerToken(t: Test, change: Partial<TokenConfig> = {}): Promise<Token> {
  return openTestToken(t, await makeSignerToken(t), change);
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
