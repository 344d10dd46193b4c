import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { equalBytes } from '../base/bytes.ts';
import { KysoError, kindOf } from '../base/errors.ts';
import { type Config, pathsOf, tokenOf } from '../config.ts';
import { type Inspection, inspectToken } from '../hsm/inspection.ts';
import { startToken, type Token } from '../hsm/pool.ts';
import { log } from './log.ts';
import { readPin } from './secrets.ts';

/**
 * Opens a token with its PIN. A PIN that the token refused is remembered on disk and not tried again, so that no
 * restart loop uses up the tries of a token that counts them.
 * @throws KysoError tokenPinRefused — the message names the fix
 */
export async function openToken(config: Config, owner: 'signer' | 'ca', pin: Uint8Array): Promise<Token> {
  const { token: place } = tokenOf(config, owner);
  const { why, assertNew, remember, forget } = refusalsOf(config, owner, pin);
  assertNew();
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
  if (token.status().ready) forget();
  return token;
}

/** The memory of a refused PIN, which every way to the token shares. */
function refusalsOf(config: Config, owner: 'signer' | 'ca', pin: Uint8Array) {
  const file = join(pathsOf(config).own(owner), 'token-pin-refused');
  const fingerprint = createHash('sha256').update('kyso token pin').update(pin).digest();
  const { label } = tokenOf(config, owner).token;
  const why = () =>
    new KysoError(
      'tokenPinRefused',
      `the token ${label} refuses its PIN: put the right one in place; a PIN that was refused is not tried again (${file})`,
    );
  return {
    why,
    assertNew() {
      if (existsSync(file) && equalBytes(readFileSync(file), fingerprint)) throw why();
    },
    /** Must not throw: the token would go on trying. This process tries no more, and the supervisor does not start it again. */
    remember() {
      try {
        writeFileSync(file, fingerprint, { mode: 0o600, flush: true });
      } catch (error) {
        log('the refused PIN could not be recorded', { owner, error });
      }
    },
    forget: () => rmSync(file, { force: true }),
  };
}

/**
 * `kyso hsm probe`: what the token of this installation can do and enforces. Runs beside the processes that use it.
 * @throws KysoError tokenPinRefused | tokenUnavailable | configuration
 */
export async function probeToken(config: Config, owner: 'signer' | 'ca'): Promise<Inspection> {
  const pin = readPin(config, owner);
  const { assertNew, remember } = refusalsOf(config, owner, pin);
  assertNew();
  try {
    return await inspectToken({ ...tokenOf(config, owner).token, pin });
  } catch (error) {
    if (kindOf(error) === 'tokenPinRefused') remember();
    throw error;
  }
}
