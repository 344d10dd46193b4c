import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestPki } from './certificates.ts';

/** Whether `openssl cms -verify -cades` accepts a detached CMS over `content`, and what it said. */
export function opensslVerifies(
  pki: TestPki,
  cms: Uint8Array,
  content: Uint8Array,
): { accepted: boolean; said: string } {
  const [cmsFile, contentFile] = [join(pki.directory, 'judged.der'), join(pki.directory, 'judged.bin')];
  writeFileSync(cmsFile, cms);
  writeFileSync(contentFile, content);
  const args = ['cms', '-verify', '-cades', '-binary', '-inform', 'DER', '-in', cmsFile, '-content', contentFile];
  const run = spawnSync('openssl', [...args, '-CAfile', pki.root, '-out', '/dev/null'], { encoding: 'utf8' });
  return { accepted: run.status === 0, said: run.stderr };
}

/** What poppler's pdfsig says of each signature of a PDF, in order; -nocert, since trust is openssl's part here. */
export function pdfsig(pki: TestPki, pdf: Uint8Array): string[] {
  const file = join(pki.directory, 'judged.pdf');
  writeFileSync(file, pdf);
  const run = spawnSync('pdfsig', ['-nocert', file], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } });
  return run.stdout.split(/^Signature #\d+:$/m).slice(1);
}

/** The signatures of a PDF as a verifier sees them: the bytes that the ByteRange names, and the CMS between. */
export function signaturesOf(pdf: Buffer): { signed: Buffer; contents: Buffer; cms: Buffer; revision: Buffer }[] {
  const ranges = pdf.toString('latin1').matchAll(/\/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]/g);
  return Array.from(ranges, (range) => {
    const [start = 0, length = 0, next = 0, rest = 0] = range.slice(1).map(Number);
    const contents = pdf.subarray(start + length, next);
    const hex = contents.toString('latin1').slice(1, -1);
    const bytes = Buffer.from(hex, 'hex');
    const total = 4 + bytes.readUInt16BE(2);
    return {
      signed: Buffer.concat([pdf.subarray(start, start + length), pdf.subarray(next, next + rest)]),
      contents,
      cms: bytes.subarray(0, total),
      revision: pdf.subarray(0, next + rest),
    };
  });
}

/** What `qpdf --check` has to say against the structure of a PDF; nothing for a sound one. */
export function structureComplaints(pki: TestPki, pdf: Uint8Array): string {
  const file = join(pki.directory, 'judged.pdf');
  writeFileSync(file, pdf);
  const run = spawnSync('qpdf', ['--check', file], { encoding: 'utf8' });
  return run.status === 0 ? run.stderr : `${run.stderr}exit code ${run.status}`;
}
