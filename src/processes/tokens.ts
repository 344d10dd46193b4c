import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { equalBytes } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf, tokenOf } from '../config.ts';
import { startToken, type Token } from '../hsm/pool.ts';
import { log } from './log.ts';

/**
 * Opens a token with its PIN. A PIN that the token refused is remembered on disk and not tried again, so that no
 * restart loop uses up the tries of a token that counts them.
 * @throws KysoError tokenPinRefused — the message names the fix
 */
export async function openToken(config: Config, owner: 'signer' | 'ca', pin: Uint8Array): Promise<Token> {
  const { token: place } = tokenOf(config, owner);
  const refusals = join(pathsOf(config).own(owner), 'token-pin-refused');
  const fingerprint = createHash('sha256').update('kyso token pin').update(pin).digest();
  const why = () =>
    new KysoError(
      'tokenPinRefused',
      `the token ${place.label} refuses its PIN: put the right one in place; a PIN that was refused is not tried again (${refusals})`,
    );
  if (existsSync(refusals) && equalBytes(readFileSync(refusals), fingerprint)) throw why();

  /** Must not throw: the token would go on trying. This process tries no more, and the supervisor does not start it again. */
  const remember = () => {
    try {
      writeFileSync(refusals, fingerprint, { mode: 0o600, flush: true });
    } catch (error) {
      log('the refused PIN could not be recorded', { owner, error });
    }
  };

  let refused = false;
  const token = await startToken(place, Buffer.from(pin), {
    onPinRefused() {
      refused = true;
      remember();
    },
    onTrouble: (error) => log('token', { owner, error }),
  });
  if (refused) {
    await token.stop();
    throw why();
  }
  if (token.status().ready) rmSync(refusals, { force: true });
  return token;
}
