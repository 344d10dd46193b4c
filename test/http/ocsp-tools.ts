import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { der } from '../../src/crypto/der.ts';
import { certificatePem } from '../../src/pki/pem.ts';
import type { IssuedCertificate } from '../../src/store/ca/tables.ts';
import type { PkiService } from '../helpers/pki-service.ts';

export const run = promisify(execFile);

/** What a tool wrote, whatever its exit status says. */
export async function said(command: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await run(command, args).catch((error) => error as { stdout: string; stderr: string });
  return `${stdout}${stderr}`;
}

/** Writes a certificate beside those of its authorities. */
export function fileOf({ directory }: PkiService, { serialNumber, certificate }: IssuedCertificate): string {
  const path = join(directory, `${serialNumber}.pem`);
  writeFileSync(path, certificatePem(certificate!));
  return path;
}

export const issuerFile = ({ pem }: PkiService, { authority }: IssuedCertificate) => pem[authority]!;

/** `openssl ocsp` over HTTP, which checks signature, responder and nonce. */
export function opensslOcsp(service: PkiService, certificate: IssuedCertificate, ...more: string[]): Promise<string> {
  const issuer = issuerFile(service, certificate);
  const asked = ['-issuer', issuer, '-cert', fileOf(service, certificate)];
  const trust = ['-CAfile', service.pem['root-1']!, '-verify_other', issuer];
  return said('openssl', 'ocsp', '-url', `${service.url}/pki/ocsp`, ...more, ...asked, ...trust);
}

/** An OCSPRequest of openssl's, DER. */
export async function requestFor(
  service: PkiService,
  certificate: IssuedCertificate,
  nonce = '-no_nonce',
): Promise<Buffer> {
  const out = join(service.directory, `${certificate.serialNumber}.req`);
  const asked = ['-issuer', issuerFile(service, certificate), '-cert', fileOf(service, certificate)];
  await run('openssl', ['ocsp', ...asked, nonce, '-reqout', out]);
  return readFileSync(out);
}

/** The same with a nonce of any length; lengths stay below 65,536. */
export function withNonce(request: Buffer, nonce: Buffer): Buffer {
  const extension = der(0x30, Buffer.from('06092b0601050507300102', 'hex'), nonceValue(nonce));
  const list = request.subarray(contentAt(request, contentAt(request, 0)), request.length);
  return der(0x30, der(0x30, list, der(0xa2, der(0x30, extension))));
}

export const nonceValue = (nonce: Buffer) => der(0x04, der(0x04, nonce));

/** Where the content of the element at `offset` begins. */
function contentAt(bytes: Buffer, offset: number): number {
  const length = bytes[offset + 1]!;
  return offset + 2 + (length < 0x80 ? 0 : length - 0x80);
}

export const post = ({ url }: PkiService, body: Buffer, headers = {}) =>
  fetch(`${url}/pki/ocsp`, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { 'content-type': 'application/ocsp-request', ...headers },
  });

export const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());

const statuses = ['successful', 'malformedrequest', 'internalerror', 'trylater', '', 'sigrequired', 'unauthorized'];

/** OCSPResponseStatus, which stands first in each answer. */
export async function statusOf(answer: Response): Promise<string> {
  const bytes = await bytesOf(answer);
  return statuses[bytes[contentAt(bytes, 0) + 2]!] ?? bytes.toString('hex');
}

export async function show(directory: string, response: Buffer): Promise<string> {
  const file = join(directory, `${randomBytes(6).toString('hex')}.resp`);
  writeFileSync(file, response);
  return said('openssl', 'ocsp', '-respin', file, '-resp_text', '-noverify');
}

/** As openssl prints it: Nov 28 12:00:00 2026 GMT. */
export function opensslTime(http: string): string {
  const [, day, month, year, time] = /, (\d+) (\w+) (\d+) ([\d:]+) GMT/.exec(http) ?? [];
  return `${month} ${String(Number(day)).padStart(2)} ${time} ${year} GMT`;
}
