import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { createResidentKeys } from '../../src/hsm/init.ts';
import type { ResidentKeySpec } from '../../src/hsm/protocol.ts';
import { makeSoftHsmToken, type TestToken, usualKeys } from './softhsm.ts';

type TearDown = { teardown(handler: () => void): void };

/** A PKCS#11 module that every test of what a token must do runs on. */
export type Provider = {
  name: 'SoftHSM' | 'NSS';
  /** A token with these keys in a directory of its own, removed when the test ends. */
  makeToken(t: TearDown, keys?: ResidentKeySpec[], label?: string): Promise<TestToken>;
};

export const softHsm: Provider = { name: 'SoftHSM', makeToken: makeSoftHsmToken };
export const nss: Provider = { name: 'NSS', makeToken: makeNssToken };

/** Where Debian's and Ubuntu's package libnss3 puts softokn. */
const softokn = ['x86_64', 'aarch64'].map((arch) => `/usr/lib/${arch}-linux-gnu/libsoftokn3.so`).find(existsSync);
const missing = 'libsoftokn3.so is missing: run ./scripts/setup, or apt-get install libnss3';

/** A token of NSS: a database that certutil makes, with a password that is its PIN. */
async function makeNssToken(t: TearDown, keys = usualKeys, label = 'kyso-test'): Promise<TestToken> {
  if (!softokn) throw new Error(missing);
  const directory = mkdtempSync(join(tmpdir(), 'kyso-nss-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const pin = () => Buffer.from('test-pin-of-the-user');
  const address = {
    module: softokn,
    label,
    libraryParameters: makeNssDatabase(join(directory, 'tokens'), label, pin()),
  };
  const made = await createResidentKeys({ ...address, environment: {}, pin: pin(), keys });
  const spki = Object.fromEntries(made.flatMap((key) => (key.spki ? [[key.label, key.spki]] : [])));
  return { directory, config: { ...address, environment: {}, workers: 2 }, pin, spki };
}

/** Answers what C_Initialize must be told to find the database. */
export function makeNssDatabase(directory: string, label: string, pin: Buffer): string {
  execFileSync('mkdir', ['-m', '700', directory]);
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, `${pin}\n`);
  execFileSync('certutil', ['-N', '-d', `sql:${directory}`, '-f', passwordFile]);
  rmSync(passwordFile);
  return `configdir='sql:${directory}' certPrefix='' keyPrefix='' secmod='secmod.db' flags= dbTokenDescription='${label}'`;
}

const chosen = 'KYSO_TEST_PROVIDER';

/**
 * The provider that this process tests: a process can load one module only, so a test file that asks for this runs on
 * SoftHSM and, as a subtest in a process of its own, once more on NSS.
 */
export function onEachProvider(t: Test, { filename }: ImportMeta): Provider {
  if (process.env[chosen] === nss.name) return nss;
  void t.spawn(process.execPath, [filename], { env: { ...process.env, [chosen]: nss.name } }, `on ${nss.name}`);
  return softHsm;
}
