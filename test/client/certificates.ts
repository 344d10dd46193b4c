import { execFileSync } from 'node:child_process';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { keyTypes } from '../../src/crypto/algorithms.ts';
import { shortDirectory } from '../helpers/temp.ts';

/** A person's key with the person's certificate and that of the issuer, DER. */
export type TestSigner = { key: KeyObject; chain: [Buffer, Buffer] };

/** A root and an issuing authority made by openssl; `root` is the root's PEM file, `newkey` an option of openssl req. */
export type TestPki = {
  directory: string;
  root: string;
  signer(newkey: string): TestSigner;
  /** Another certificate of the issuing authority, with this section of the configuration; the files' name without ending. */
  other(name: string, section: string): Buffer;
  /** openssl in the directory: arguments by spaces, then those that hold some. */
  openssl(command: string, ...more: string[]): Buffer;
};

/** More lines of the configuration: for the sections of authorities and persons, and sections of one's own. */
export type MoreConfig = { ca?: string; person?: string; sections?: string };

/** The openssl key option for each key type of the algorithm table that this room is tested with. */
export const newkeys = {
  'RSA-2048': 'rsa:2048',
  'RSA-3072': 'rsa:3072',
  'RSA-4096': 'rsa:4096',
  'EC-P256': 'ec -pkeyopt ec_paramgen_curve:P-256',
  'EC-P384': 'ec -pkeyopt ec_paramgen_curve:P-384',
  'EC-P521': 'ec -pkeyopt ec_paramgen_curve:P-521',
} as const satisfies Record<keyof typeof keyTypes, string>;

const config = ({ ca = '', person = '', sections = '' }: MoreConfig) => `
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[below]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
${ca}
[person]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, nonRepudiation
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
${person}
${sections}
`;

/** Builds the authorities in a directory that goes away with the test. */
export function createTestPki(t: { teardown(handler: () => void): void }, more: MoreConfig = {}): TestPki {
  const directory = shortDirectory(t);
  writeFileSync(join(directory, 'openssl.cnf'), config(more));
  const openssl = (command: string, ...more: string[]) =>
    execFileSync('openssl', [...command.split(' '), ...more], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  const request = (name: string, newkey: string, subject: string, how: string) =>
    openssl(`req -config openssl.cnf -utf8 -nodes -newkey ${newkey} -keyout ${name}.key ${how}`, '-subj', subject);
  const issue = (name: string, issuer: string, extensions: string) => {
    const ca = `-CA ${issuer}.pem -CAkey ${issuer}.key -extfile openssl.cnf -extensions ${extensions}`;
    openssl(`x509 -req -in ${name}.csr ${ca} -days 30 -out ${name}.pem`);
    return openssl(`x509 -in ${name}.pem -outform DER`);
  };

  request('root', newkeys['EC-P256'], '/C=VN/CN=Kyso test root', '-x509 -extensions ca -days 30 -out root.pem');
  request('issuing', newkeys['EC-P256'], '/C=VN/CN=Kyso test issuing', '-new -out issuing.csr');
  const issuing = issue('issuing', 'root', 'below');

  return {
    directory,
    root: join(directory, 'root.pem'),
    openssl,
    other(name, section) {
      request(name, newkeys['EC-P256'], `/C=VN/CN=Kyso test ${name}`, `-new -out ${name}.csr`);
      return issue(name, 'issuing', section);
    },
    signer(newkey) {
      request('person', newkey, '/C=VN/O=Trường Mẫu/CN=Nguyễn Văn Mẫu', '-new -out person.csr');
      const certificate = issue('person', 'issuing', 'person');
      return { key: createPrivateKey(readFileSync(join(directory, 'person.key'))), chain: [certificate, issuing] };
    },
  };
}

/** The signature that `openssl pkeyutl` makes over a digest, as a token would: PKCS#1 v1.5 or PSS, or ECDSA as DER. */
export function signDigest(pki: TestPki, { key }: TestSigner, digest: Uint8Array, pss = false): Buffer {
  const keyFile = join(pki.directory, 'token.key');
  writeFileSync(keyFile, key.export({ format: 'pem', type: 'pkcs8' }));
  const hash = `digest:sha${digest.length * 8}`;
  const padding = pss ? ['-pkeyopt', 'rsa_padding_mode:pss', '-pkeyopt', 'rsa_pss_saltlen:digest'] : [];
  const args = ['pkeyutl', '-sign', '-inkey', keyFile, '-pkeyopt', hash, ...padding];
  return execFileSync('openssl', args, { input: digest });
}
