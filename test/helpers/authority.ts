import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyTypeName, keyTypes } from '../../src/crypto/algorithms.ts';
import { type CertificateDraft, newSerialNumber } from '../../src/pki/certificate.ts';
import { lint, signLinted } from '../../src/pki/lint.ts';
import type { Subject } from '../../src/pki/names.ts';
import { certificatePem } from '../../src/pki/pem.ts';
import { type Profile, profiles, validityOf } from '../../src/pki/profiles.ts';

/** A key pair of node:crypto of a type of the algorithm table. */
export function testKeyPair(name: KeyTypeName): { privateKey: KeyObject; publicKey: KeyObject } {
  const type = keyTypes[name];
  return type.family === 'EC'
    ? generateKeyPairSync('ec', { namedCurve: type.curve })
    : generateKeyPairSync('rsa', { modulusLength: type.bits });
}

/** A key pair of node:crypto, standing in for one in a token. */
export type TestKey = { spki: Buffer; sign(data: Uint8Array): Promise<Buffer> };

export function testKey(type: KeyTypeName): TestKey {
  const { privateKey, publicKey } = testKeyPair(type);
  return {
    spki: publicKey.export({ format: 'der', type: 'spki' }),
    sign: async (data) => sign('sha256', data, privateKey),
  };
}

export const teacher: Subject = {
  country: 'VN',
  locality: 'Quảng Ngãi',
  organisation: 'ỦY BAN NHÂN DÂN TỈNH QUẢNG NGÃI',
  organisationalUnits: ['ỦY BAN NHÂN DÂN XÃ SƠN MỸ', 'TRƯỜNG TRUNG HỌC CƠ SỞ SỐ 1'],
  commonName: 'Nguyễn Thị Ánh',
  email: 'ntanh@quangngai.gov.vn',
  personalId: { kind: 'CCCD', number: '051190000001' },
};

export function authoritySubject(commonName: string): Subject {
  return { country: 'VN', organisation: 'Kyso kiểm thử', organisationalUnits: [], commonName };
}

/** A draft of `profile` valid from `now` on, good as it is; tests bend it. */
export function draftOf(
  profile: Profile,
  subject: Subject,
  publicKey: Uint8Array,
  now: number,
  issuer?: Uint8Array,
): CertificateDraft {
  return {
    profile,
    serialNumber: newSerialNumber(),
    subject,
    publicKey,
    procedure: 'new',
    ...validityOf(profile, 'new', now),
    ...(issuer ? { issuer } : {}),
  };
}

/** Root and issuing authority; EC ones need a profile that accepts the key. */
export async function testAuthority(type: 'RSA-3072' | 'EC-P256', now = Date.now()) {
  const [rootKey, issuingKey] = [testKey(type), testKey(type)];
  const accepting = (profile: Profile): Profile => ({ ...profile, keyTypes: [type] });
  const rootDraft = draftOf(accepting(profiles.root), authoritySubject('Gốc G1'), rootKey.spki, now);
  const root = await signLinted(await lint(rootDraft), rootKey.sign);
  const issuingDraft = draftOf(accepting(profiles.issuing), authoritySubject('CA G1'), issuingKey.spki, now, root);
  const issuing = await signLinted(await lint(issuingDraft), rootKey.sign);
  return { rootKey, issuingKey, root, issuing };
}

/** Writes DER certificates as PEM files and returns their paths. */
export function pemFiles(directory: string, certificates: Record<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(certificates).map(([name, der]) => {
      const path = join(directory, `${name}.pem`);
      writeFileSync(path, certificatePem(Buffer.from(der)));
      return [name, path];
    }),
  );
}

/** What openssl prints; throws with its complaint when it exits with another status than 0. */
export function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
