import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { rootCertificates, setDefaultCACertificates } from 'node:tls';
import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { CscError, cscClient, type NamedPdf, type Placement, type SignPdfOptions, signPdfs } from '../client/index.ts';
import { type Answers, askOnTerminal } from './terminal.ts';

const usage = `kyso sign FILE.pdf -o OUT.pdf [options]
kyso sign FILE.pdf … --out-dir DIR [options]      many files, one authorization

  --url URL          the CSC service, up to /csc/v1 (or KYSO_URL)
  --user ID          who signs (or KYSO_USER)
  --credential ID    which credential, when there are several
  --reason TEXT      --location TEXT      --name TEXT
  --visible [page:N,X,Y,W,H]   a visible signature; without a place at the lower right of page 1;
                     points from the lower left corner, page -1 is the last
  --field NAME       sign this empty signature field
  --ca FILE          also trust this certification authority (PEM)

Asks for what it needs on the terminal. From a script, standard input has one line for each question, in this order:
password, credential (only if there are several and none is named), PIN, one-time code.
Exit codes: 0 signed · 1 failed, nothing was written · 2 wrong usage
`;

const options = {
  output: { type: 'string', short: 'o' },
  'out-dir': { type: 'string' },
  url: { type: 'string' },
  user: { type: 'string' },
  credential: { type: 'string' },
  reason: { type: 'string' },
  location: { type: 'string' },
  name: { type: 'string' },
  visible: { type: 'string' },
  field: { type: 'string' },
  ca: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** `kyso sign`: PDFs through any CSC v1 service. Nothing is written before all signatures are there and verified. */
export async function sign(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: withBareVisible(args), options, allowPositionals: true });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const targets = targetsOf(positionals, values.output, values['out-dir']);
  const baseUrl = values.url ?? process.env.KYSO_URL;
  const userID = values.user ?? process.env.KYSO_USER;
  if (targets.length === 0 || !baseUrl || !userID) {
    process.stderr.write(usage);
    return 2;
  }
  if (values.ca) trust(values.ca);
  const visible = values.visible === undefined ? undefined : placementOf(values.visible);
  const documents = targets.map(({ input }) => readPdf(input));
  const answers = askOnTerminal();
  try {
    const password = await answers.ask({ vi: `Mật khẩu của ${userID}`, en: 'Password', secret: true });
    const { reason, location, name, field, credential } = values;
    const signed = await signPdfs(documents, {
      ...{ client: cscClient({ baseUrl }), userID, password, ...factorsFrom(answers), onStep: showStep },
      ...(reason !== undefined && { reason }),
      ...(location !== undefined && { location }),
      ...(name !== undefined && { name }),
      ...{ visible, field },
      credentialID: credential ?? choice(answers, baseUrl),
    });
    for (const [index, { output }] of targets.entries()) writeWhole(output, signed[index]!);
    process.stderr.write('\n');
    for (const { output } of targets) process.stdout.write(`${output}\n`);
    return 0;
  } catch (error) {
    if (error instanceof CscError) throw new KysoError('unavailable', explain(error), { cause: error });
    throw error;
  } finally {
    answers.close();
  }
}

/** `--visible` alone, before another option or at the end, means the usual place. */
function withBareVisible(args: string[]): string[] {
  return args.map((arg, index) => {
    const next = args[index + 1];
    return arg === '--visible' && (next === undefined || !next.startsWith('page:')) ? '--visible=' : arg;
  });
}

function placementOf(text: string): Placement | true {
  if (text === '') return true;
  const match = /^page:(-?[1-9]\d*),(\d+(?:\.\d+)?),(\d+(?:\.\d+)?),(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)$/.exec(text);
  if (!match)
    throw new KysoError('configuration', '--visible is page:N,X,Y,WIDTH,HEIGHT, such as page:1,360,40,200,60');
  const [page = 1, x = 0, y = 0, width = 0, height = 0] = match.slice(1).map(Number);
  return { page, x, y, width, height };
}

type Target = { input: string; output: string };

/** @throws KysoError configuration — an output would be an input, or another output */
function targetsOf(inputs: string[], output: string | undefined, directory: string | undefined): Target[] {
  if ((output === undefined) === (directory === undefined)) return [];
  if (output !== undefined && inputs.length !== 1) return [];
  const targets = inputs.map((input) => ({ input, output: output ?? join(directory ?? '', basename(input)) }));
  const places = [...targets.map((target) => target.input), ...targets.map((target) => target.output)].map((path) =>
    resolve(path),
  );
  const twice = places.find((path, index) => places.indexOf(path) !== index);
  if (twice) throw new KysoError('configuration', `${twice} would be written over: choose another output`);
  return targets;
}

function readPdf(file: string): NamedPdf {
  try {
    return { name: file, pdf: readFileSync(file) };
  } catch (cause) {
    throw new KysoError('document', `${file} cannot be read`, { cause });
  }
}

function trust(file: string): void {
  try {
    setDefaultCACertificates([...rootCertificates, readFileSync(file, 'utf8')]);
  } catch (cause) {
    throw new KysoError('configuration', `${file} is not a certificate in PEM`, { cause });
  }
}

function factorsFrom(answers: Answers): Pick<SignPdfOptions, 'askPIN' | 'askOTP'> {
  return {
    askPIN: () => answers.ask({ vi: 'Mã PIN', en: 'PIN', secret: true }),
    askOTP: ({ type }) => {
      const sent = type === 'online';
      const vi = sent ? 'Mã xác thực một lần (đã gửi qua thư điện tử)' : 'Mã xác thực một lần';
      return answers.ask({ vi, en: sent ? 'One-time code (sent by e-mail)' : 'One-time code' });
    },
  };
}

/** With one credential there is nothing to ask. */
function choice(answers: Answers, baseUrl: string) {
  return async (credentialIDs: readonly string[], token: string): Promise<string> => {
    if (credentialIDs.length === 1) return credentialIDs[0]!;
    const client = cscClient({ baseUrl });
    for (const [index, id] of credentialIDs.entries()) {
      const { key, description = '', OTP } = await client.credentialsInfo(token, id);
      const about = `${description}${OTP?.type === 'online' ? ', e-mail' : ''}${key.status === 'disabled' ? ', off' : ''}`;
      process.stderr.write(`  ${index + 1}  ${id}  ${about}\n`);
    }
    const answer = await answers.ask({ vi: 'Chọn chứng thư số (số thứ tự)', en: 'Which credential (its number)' });
    const chosen = credentialIDs[Number(answer) - 1] ?? credentialIDs.find((id) => id === answer);
    if (!chosen)
      throw new KysoError('credentialUnknown', `there is no credential ${answer}: choose 1–${credentialIDs.length}`);
    return chosen;
  };
}

function showStep(step: string, progress?: { done: number; total: number }): void {
  if (!progress) return void process.stderr.write(`• ${step}\n`);
  const { done, total } = progress;
  process.stderr.write(`${process.stderr.isTTY ? '\r' : ''}• ${step} ${done}/${total}`);
  if (done === total || !process.stderr.isTTY) process.stderr.write('\n');
}

/** Whole or not at all. */
function writeWhole(file: string, content: Buffer): void {
  mkdirSync(dirname(resolve(file)), { recursive: true });
  const temporary = `${file}.new`;
  if (existsSync(temporary)) rmSync(temporary);
  writeFileSync(temporary, content, { flush: true });
  renameSync(temporary, file);
}

/** What the person can do about a refusal. */
function explain(error: CscError): string {
  const fixes: Record<string, string> = {
    authentication_error: 'sai tên đăng nhập hoặc mật khẩu / wrong user or password',
    invalid_pin: 'sai mã PIN / the PIN is wrong',
    invalid_otp:
      'mã xác thực một lần sai hoặc đã dùng, hãy chờ mã kế tiếp / the code is wrong or used: wait for the next one',
  };
  const fix = error.error === undefined ? undefined : fixes[error.error];
  return fix ? `${fix} (${error.message})` : error.message;
}
