import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Compile } from 'typebox/compile';
import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { readJson } from '../base/json.ts';
import { hashOfLine } from '../ca/line.ts';
import { listStatement } from '../ca/lists.ts';
import { readConfig } from '../config.ts';
import { Line } from '../ipc/line.ts';
import { type Dialogue, onTerminal } from './dialogue.ts';
import { askFactors } from './officer-questions.ts';
import { operatorPeer } from './operator.ts';
import { defaultDirectory } from './options.ts';
import { plain, when } from './plain.ts';

const usage = `kyso ca order LIST.json --statement
    prints the bytes that the organisation signs: redirect them to a file, and sign that
    (openssl cms -sign -cades -binary -outform DER -md sha256 -in STATEMENT -signer CERT -inkey KEY -out LIST.p7s)
kyso ca order LIST.json --signature LIST.p7s [--check-as USER] [--approve-as USER] [--dir DIR]
    hands the list in; one officer checks it, and another one approves it, now or later: the same call again goes on.
    Then ca orders the keys, issues and installs
kyso ca order LIST.json [--dir DIR]
    how far it is

LIST.json: {"organisation": CODE, "lines": [LINE, …]}; what a line may say is in docs/ca-proofs.md
`;

const options = {
  statement: { type: 'boolean' },
  signature: { type: 'string' },
  'check-as': { type: 'string' },
  'approve-as': { type: 'string' },
  dir: { type: 'string' },
  help: { type: 'boolean' },
} as const;

type List = { organisation: string; lines: Line[] };
type Ca = Awaited<ReturnType<typeof operatorPeer<'ca'>>>;

/** `kyso ca order`: what the request desk will do, by hand. */
export async function caOrder(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [file, ...others] = positionals;
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (!file || others.length > 0) throw new KysoError('configuration', `usage:\n${usage}`);
  const list = readList(file);
  const statement = listStatement(list.organisation, list.lines.map(hashOfLine));
  if (values.statement) {
    process.stdout.write(statement);
    return 0;
  }
  const dialogue = onTerminal();
  const ca = await operatorPeer(readConfig(values.dir ?? defaultDirectory), 'ca');
  try {
    const id = sha256(statement).toString('hex');
    if (values.signature !== undefined) {
      const signature = readFileSync(values.signature).toString('base64');
      await ca.call('order.submit', { ...list, signature });
    }
    const acts = [
      { act: 'check', user: values['check-as'] },
      { act: 'approve', user: values['approve-as'] },
    ] as const;
    for (const { act, user } of acts) if (user !== undefined) await perform(ca, dialogue, { list, id, act, user });
    await showStatus(ca, dialogue, id);
    return 0;
  } finally {
    dialogue.answers.close();
    ca.close();
  }
}

/** Shows an officer what the act is about, in full, before the factors are asked for (S82). */
async function perform(
  ca: Ca,
  dialogue: Dialogue,
  { list, id, act, user }: { list: List; id: string; act: 'check' | 'approve'; user: string },
): Promise<void> {
  dialogue.print(plain(`${act} as ${user}: ${list.lines.length} lines of ${list.organisation}`));
  for (const line of list.lines) dialogue.print(plain(`  ${hashOfLine(line)}  ${JSON.stringify(line)}`));
  const officer = await askFactors(dialogue, user);
  await ca.call('order.approve', { list: id, lines: list.lines.map(hashOfLine), act, officer });
}

async function showStatus(ca: Ca, { print }: Dialogue, list: string): Promise<void> {
  const { approvals, lines } = await ca.call('order.status', { list });
  print(`list ${list}${lines.length === 0 ? ': not handed in' : ''}`);
  for (const { act, user, at } of approvals) print(plain(`  ${act}: ${user}, ${when(at)}`));
  for (const { lineHash, procedure, status, credentialID, certificate, refusal } of lines) {
    const more = [refusal, certificate].filter((part) => part !== undefined).join(' ');
    print(plain(`  ${lineHash}  ${procedure}  ${status}  ${credentialID} ${more}`));
  }
}

const isLine = Compile(Line);

/** @throws KysoError configuration — the message says what is wrong with the file */
function readList(file: string): List {
  const refuse = (why: string, cause?: unknown) => new KysoError('configuration', `${file}: ${why}`, { cause });
  const parsed = parse(file, refuse);
  const { organisation, lines, ...more } = Object(parsed) as Record<string, unknown>;
  const known = typeof organisation === 'string' && Array.isArray(lines) && Object.keys(more).length === 0;
  if (!known || lines.length === 0) throw refuse('a list has an organisation and lines, and nothing else');
  const bad = lines.findIndex((line) => !isLine.Check(line));
  if (bad !== -1) throw refuse(`line ${bad + 1} is not one of docs/ca-proofs.md`);
  return { organisation, lines: lines as Line[] };
}

function parse(file: string, refuse: (why: string, cause: unknown) => KysoError): unknown {
  try {
    return readJson(readFileSync(file));
  } catch (cause) {
    throw refuse(cause instanceof KysoError ? cause.message : 'cannot be read', cause);
  }
}
