import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sha256 } from '../base/bytes.ts';
import { codeIn, KysoError } from '../base/errors.ts';
import { timeOfRequest } from '../base/ids.ts';
import { readConfig } from '../config.ts';
import { evidenceFiles } from './evidence-files.ts';
import { operatorPeer } from './operator.ts';
import { defaultDirectory } from './options.ts';

const usage = `kyso evidence REQUEST-ID [--at TIME] [--out NEW-DIR] [--dir DIR]
    writes what a request's signatures relied on into a new directory, with a README.txt that says how to verify it with
    openssl. REQUEST-ID is the X-Request-Id of its answer. --at: about when the request came, for an id that does not
    say so itself (2026-11-24T09:30:00Z)
`;

const [text, flag] = [{ type: 'string' }, { type: 'boolean' }] as const;
const options = { at: text, out: text, dir: text, help: flag };

/** `kyso evidence`: the log entries of a request and what its signatures relied on, as files. */
export async function evidence(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [request, ...others] = positionals;
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (request === undefined || others.length > 0) throw new KysoError('configuration', `usage:\n${usage}`);
  const at = values.at === undefined ? timeOfRequest(request) : Date.parse(values.at);
  if (at === undefined || Number.isNaN(at)) throw new KysoError('configuration', 'give the time of the request: --at');
  const signer = await operatorPeer(readConfig(values.dir ?? defaultDirectory), 'signer');
  try {
    const out = values.out ?? `evidence-${request}`;
    write(out, evidenceFiles(request, await signer.call('evidence', { request, at })));
    process.stdout.write(`${out}: README.txt says how to verify what is there.\n`);
    return 0;
  } finally {
    signer.close();
  }
}

/** Writes the files, and their digests as sha256sum reads them, into a new directory for this user alone. */
function write(directory: string, files: Record<string, string | Buffer>): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (cause) {
    if (codeIn(cause) !== 'EEXIST') throw cause;
    throw new KysoError('configuration', `${directory} is there already: name a new directory with --out`, { cause });
  }
  const sums = Object.entries(files).map(([name, content]) => `${sha256(content).toString('hex')}  ${name}\n`);
  for (const [name, content] of Object.entries({ ...files, SHA256SUMS: sums.join('') }))
    writeFileSync(join(directory, name), content, { mode: 0o600 });
}
