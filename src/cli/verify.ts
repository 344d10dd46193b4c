import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SignatureFacts, signatureFacts } from '../client/signature-facts.ts';

export type Verdict = { tool: string; valid: boolean; said: string };

/**
 * Has two tools that know nothing of Kyso judge the newest signature of a PDF: poppler's pdfsig (the document is what
 * was signed) and openssl (a CAdES signature whose certificate leads to this root, and a timestamp whose does).
 */
export async function verifyPdf(
  pdf: Buffer,
  file: string,
  rootFile: string,
): Promise<{ verdicts: Verdict[]; facts: SignatureFacts }> {
  const directory = mkdtempSync(join(tmpdir(), 'kyso-verify-'));
  try {
    const facts = await signatureFacts(pdf);
    const { cms, content, timestamp } = facts;
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
    const oneLine = ({ ok, output }: ReturnType<typeof run>) => ({
      valid: ok,
      said: output.trim().replaceAll('\n', ' · '),
    });
    const verdicts = [
      { tool: 'pdfsig', valid: pdfsig.ok && allValid, said: says.at(-1)?.trim().replace(/^- /, '') ?? pdfsig.output },
      { tool: 'openssl cms -verify -cades', ...oneLine(cades) },
    ];
    if (!timestamp) return { verdicts, facts };
    const [tokenFile, valueFile] = [join(directory, 'token.der'), join(directory, 'value.bin')];
    writeFileSync(tokenFile, timestamp.token);
    writeFileSync(valueFile, timestamp.value);
    const args = ['ts', '-verify', '-token_in', '-in', tokenFile, '-data', valueFile, '-CAfile', rootFile];
    const { ok, output } = run('openssl', args);
    const said = output
      .split('\n')
      .filter((line) => !line.startsWith('Using configuration'))
      .join('\n');
    return { verdicts: [...verdicts, { tool: 'openssl ts -verify', ...oneLine({ ok, output: said }) }], facts };
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
