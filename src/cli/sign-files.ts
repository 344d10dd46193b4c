import { randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { KysoError } from '../base/errors.ts';
import type { NamedPdf } from '../client/index.ts';

/** A document, and where its signed copy goes. */
export type Target = { input: string; output: string };

/**
 * Pairs each document with the file that `-o` or `--out-dir` names.
 * @throws KysoError configuration — neither of both, or a signed copy would be written over a document or another copy
 */
export function targetsOf(inputs: readonly string[], output?: string, directory?: string): Target[] {
  if (inputs.length === 0) throw new KysoError('configuration', 'which PDF? Name at least one.');
  if ((output === undefined) === (directory === undefined))
    throw new KysoError('configuration', 'where to? Either -o OUT.pdf or --out-dir DIR.');
  if (output !== undefined && inputs.length > 1)
    throw new KysoError('configuration', '-o takes one PDF; several go to a directory: --out-dir DIR.');
  const targets = inputs.map((input) => ({ input, output: output ?? join(directory ?? '', basename(input)) }));

  const sources = new Set(inputs.flatMap((input) => [entryOf(input), realPath(resolve(input))]));
  const taken = new Set<string>();
  for (const target of targets) {
    const entry = entryOf(target.output);
    if (sources.has(entry))
      throw new KysoError(
        'configuration',
        `${target.output} is a document to sign: choose another place for its copy.`,
      );
    if (taken.has(entry))
      throw new KysoError(
        'configuration',
        `two documents would become ${target.output}: sign them one after the other.`,
      );
    taken.add(entry);
  }
  return targets;
}

/** A document's bytes. @throws KysoError document — it cannot be read */
export function readPdf(file: string): NamedPdf {
  try {
    return { name: file, pdf: readFileSync(file) };
  } catch (cause) {
    throw new KysoError('document', `${file} cannot be read (${codeOf(cause)})`, { cause });
  }
}

/**
 * Makes the directories of the signed copies, and finds out before anybody is asked for a PIN whether they can be
 * written. @throws KysoError configuration
 */
export function prepareOutputs(targets: readonly Target[]): void {
  for (const { output } of targets) {
    try {
      const directory = dirname(resolve(output));
      mkdirSync(directory, { recursive: true });
      accessSync(directory, constants.W_OK);
    } catch (cause) {
      throw new KysoError('configuration', `${output} cannot be written (${codeOf(cause)}): choose another place.`, {
        cause,
      });
    }
    if (statSync(output, { throwIfNoEntry: false })?.isDirectory())
      throw new KysoError('configuration', `${output} is a directory: use --out-dir ${output}`);
  }
}

/**
 * Writes all signed copies, or none: each whole and on the disk under a name of its own first, then all renamed.
 * @throws KysoError configuration — no room, or no permission
 */
export function writeAll(targets: readonly Target[], contents: readonly Buffer[]): void {
  const written = targets.map(({ output }) => `${output}.${randomBytes(6).toString('hex')}.tmp`);
  let current = '';
  try {
    for (const [index, temporary] of written.entries()) {
      current = targets[index]!.output;
      writeFileSync(temporary, contents[index]!, { flag: 'wx', flush: true });
    }
    for (const [index, temporary] of written.entries()) {
      current = targets[index]!.output;
      renameSync(temporary, current);
    }
  } catch (cause) {
    throw new KysoError('configuration', `${current} cannot be written (${codeOf(cause)})`, { cause });
  } finally {
    for (const temporary of written) rmSync(temporary, { force: true });
  }
}

/** The directory entry that a path names, however one gets to its directory; what it links to is not followed. */
function entryOf(path: string): string {
  const whole = resolve(path);
  return join(realPath(dirname(whole)), basename(whole));
}

/** The path with all links resolved, as far as it exists. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path === dirname(path) ? path : join(realPath(dirname(path)), basename(path));
  }
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason');
