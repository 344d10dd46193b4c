import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CertificateDraft, CertificateUrls } from '../../src/pki/certificate.ts';
import { assembleSigned, type CrlDraft, crlTbs, encodeEntry } from '../../src/pki/crl.ts';
import type { CrlReason } from '../../src/pki/crl-reasons.ts';
import { lint, signLinted } from '../../src/pki/lint.ts';
import type { Subject } from '../../src/pki/names.ts';
import { type Profile, profiles } from '../../src/pki/profiles.ts';
import { authoritySubject, draftOf, pemFiles, type TestKey, teacher, testKey } from './authority.ts';

export const day = 86_400_000;

/** Addresses under which nothing answers. */
export function addresses(authority: string): CertificateUrls {
  const at = 'http://pki.example:8080/pki';
  return { caIssuers: `${at}/ca/${authority}.cer`, ocsp: `${at}/ocsp`, crl: `${at}/crl/${authority}/1.crl` };
}

export type Entry = { serialNumber: string; reason: CrlReason; revokedAt?: Date };

/** A whole small PKI of node:crypto's keys with all addresses in it: what a ca and its token would make. */
export async function testPki(type: 'RSA-3072' | 'EC-P256', now = Date.now()) {
  const [rootKey, issuingKey] = [testKey(type), testKey(type)];
  const root = await signLinted(
    await lint(draftOf(profiles.root, authoritySubject('Gốc G1'), rootKey.spki, now - day)),
    rootKey.sign,
  );
  const { caIssuers, crl: rootCrl } = addresses('root-1');
  const issuing = await signLinted(
    await lint({
      ...draftOf(profiles.issuing, authoritySubject('CA G1'), issuingKey.spki, now - day, root),
      urls: { caIssuers, crl: `${rootCrl}` },
    }),
    rootKey.sign,
  );
  const urls = addresses('issuing-1');

  async function issue(profile: Profile, subject: Subject, key: TestKey, change: Partial<CertificateDraft> = {}) {
    const { ocsp, ...others } = urls;
    const draft = {
      ...draftOf(profile, subject, key.spki, now - 3_600_000, issuing),
      urls: profile.purpose === 'ocspSigning' ? others : urls,
      ...change,
    };
    return signLinted(await lint(draft), issuingKey.sign);
  }

  async function makeCrl(issuer: { key: TestKey; certificate: Buffer }, draft: Partial<CrlDraft>): Promise<Buffer> {
    const [thisUpdate, nextUpdate] = [new Date(now - 60_000), new Date(now + day)];
    const entries = Buffer.alloc(0);
    const whole = { issuerCertificate: issuer.certificate, number: 1, thisUpdate, nextUpdate, entries, ...draft };
    const tbs = crlTbs(whole);
    return assembleSigned(tbs, await issuer.key.sign(tbs));
  }

  const [personKey, responderKey, tsaKey] = [testKey('EC-P256'), testKey('EC-P256'), testKey('RSA-2048')];
  return {
    ...{ type, now, urls, root, rootKey, issuing, issuingKey, personKey, responderKey, tsaKey, issue },
    person: await issue(profiles.individual, teacher, personKey),
    responder: await issue(profiles.ocspResponder, authoritySubject('OCSP'), responderKey),
    tsa: await issue(profiles.tsa, authoritySubject('TSA'), tsaKey),
    /** A CRL of the issuing authority, of its one shard unless told otherwise. */
    crl(entries: Entry[], draft: Partial<CrlDraft> = {}): Promise<Buffer> {
      const encoded = entries.map((entry) => encodeEntry({ revokedAt: new Date(now - 60_000), ...entry }));
      const distributionPoint = `${urls.crl}`;
      const issuer = { key: issuingKey, certificate: issuing };
      return makeCrl(issuer, { entries: Buffer.concat(encoded), distributionPoint, ...draft });
    },
    rootCrl: () => makeCrl({ key: rootKey, certificate: root }, { distributionPoint: `${rootCrl}` }),
  };
}

export type TestPki = Awaited<ReturnType<typeof testPki>>;

/** A tool's output, both streams, whether it liked what it saw or not. */
export async function said(tool: string, ...args: string[]): Promise<{ ok: boolean; text: string }> {
  const run = promisify(execFile);
  try {
    const { stdout, stderr } = await run(tool, args, { encoding: 'utf8' });
    return { ok: true, text: `${stdout}${stderr}` };
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return { ok: false, text: `${stdout}${stderr}` };
  }
}

/** Writes certificates and CRLs as PEM, and all of them of a kind into one file. */
export function pkiFiles(
  directory: string,
  certificates: Record<string, Buffer>,
  crls: Buffer[],
): Record<string, string> & { crls: string } {
  const at = (name: string) => join(directory, name);
  const crlFile = at('crls.pem');
  const pems = crls.map((crl) => execFileSync('openssl', ['crl', '-inform', 'DER'], { input: crl, encoding: 'utf8' }));
  writeFileSync(crlFile, pems.join(''));
  return { ...pemFiles(directory, certificates), crls: crlFile };
}
