import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createResidentKeys, initialiseSoftHsmToken } from '../../src/hsm/init.ts';
import type { TokenConfig } from '../../src/hsm/pool.ts';
import type { ResidentKeySpec } from '../../src/hsm/protocol.ts';

export const softHsmModule = '/usr/lib/softhsm/libsofthsm2.so';

/** A token that was made for a test. */
export type TestToken = {
  directory: string;
  config: TokenConfig;
  /** A new copy each time, since `startToken` wipes the one it is given. */
  pin(): Buffer;
  /** SubjectPublicKeyInfo of the signing keys, by label. */
  spki: Record<string, Buffer>;
};

/** The keys that most tests need: a KEK and an HMAC key. */
export const usualKeys: ResidentKeySpec[] = [
  { label: 'kek-1', kind: 'AES-256-KEK' },
  { label: 'pepper-1', kind: 'HMAC-SHA256' },
];

/** A real SoftHSM token with these keys in a directory of its own, removed when the test ends. */
export async function makeSoftHsmToken(
  t: { teardown(handler: () => void): void },
  keys = usualKeys,
  label = 'kyso-test',
): Promise<TestToken> {
  const directory = mkdtempSync(join(tmpdir(), 'kyso-token-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const pin = () => Buffer.from('test-pin-of-the-user');
  const token = { module: softHsmModule, label, pin: pin() };
  const soPin = Buffer.from('test-pin-of-the-officer');
  const environment = await initialiseSoftHsmToken({ ...token, tokenDirectory: directory, soPin });
  const made = await createResidentKeys({ ...token, environment, keys });
  const spki = Object.fromEntries(made.flatMap((key) => (key.spki ? [[key.label, key.spki]] : [])));
  return { directory, config: { module: softHsmModule, label, environment, workers: 2 }, pin, spki };
}
