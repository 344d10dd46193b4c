import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastSignature } from '../client/signatures.ts';

export type Verdict = { tool: string; valid: boolean; said: string };

/**
 * Has two tools that know nothing of Kyso judge the newest signature of a PDF: poppler's pdfsig (the document is what
 * was signed) and openssl (a CAdES signature whose certificate leads to this root).
 */
export function verifyPdf(pdf: Buffer, file: string, rootFile: string): Verdict[] {
  const directory = mkdtempSync(join(tmpdir(), 'kyso-verify-'));
  try {
    const { cms, content } = lastSignature(pdf);
    const [cmsFile, contentFile] = [join(directory, 'signature.der'), join(directory, 'content.bin')];
    writeFileSync(cmsFile, cms);
    writeFileSync(contentFile, content);
    const pdfsig = run('pdfsig', ['-nocert', file]);
    const cades = run('openssl', [
      ...['cms', '-verify', '-cades', '-binary', '-inform', 'DER', '-in', cmsFile, '-content', contentFile],
      ...['-CAfile', rootFile, '-purpose', 'any', '-out', '/dev/null'],
    ]);
    const says = pdfsig.output.split('\n').filter((line) => line.includes('Signature Validation'));
    const allValid = says.length > 0 && says.every((line) => line.includes('Signature is Valid.'));
    return [
      { tool: 'pdfsig', valid: pdfsig.ok && allValid, said: says.at(-1)?.trim().replace(/^- /, '') ?? pdfsig.output },
      { tool: 'openssl cms -verify -cades', valid: cades.ok, said: cades.output.trim().replaceAll('\n', ' · ') },
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function run(command: string, args: string[]): { ok: boolean; output: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  if (error) return { ok: false, output: `${command} is missing: run ./scripts/setup demo` };
  return { ok: status === 0, output: `${stdout}${stderr}` };
}
