import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import {
  type CscClient,
  cscClient,
  type Placement,
  type SignatureLevel,
  type SignPdfOptions,
  signatureLevels,
  signPdfs,
} from '../client/index.ts';
import { plain } from './plain.ts';
import { prepareOutputs, readPdf, type Target, targetsOf, writeAll } from './sign-files.ts';
import { withFix } from './sign-refusals.ts';
import { type Answers, askOnTerminal } from './terminal.ts';
import { trust } from './trust.ts';

const usage = `kyso sign FILE.pdf -o OUT.pdf [options]
kyso sign FILE.pdf … --out-dir DIR [options]      many files, one authorization

  --url URL          the CSC service, up to /csc/v1 (or KYSO_URL)
  --user ID          who signs (or KYSO_USER)
  --credential ID    which credential, when there are several
  --reason TEXT      --location TEXT      --name TEXT
  --visible [page:N,X,Y,W,H]   a visible signature; without a place at the lower right of page 1;
                     points from the lower left corner, page -1 is the last
  --field NAME       sign this empty signature field of the document
  --level B-LT       what the signature carries. B-LT: a timestamp, and the status of all certificates at that time, so that
                     it stays provable when they expire or are revoked. B-T: the timestamp only. B-B: neither
  --tsa URL          the time-stamping service (RFC 3161); else the CSC service, if it makes timestamps
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
  level: { type: 'string' },
  tsa: { type: 'string' },
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
  let job: Job;
  try {
    job = jobOf(values, positionals);
  } catch (error) {
    if (!(error instanceof KysoError) || error.kind !== 'configuration') throw error;
    process.stderr.write(`kyso sign: ${error.message}\nkyso sign --help tells more.\n`);
    return 2;
  }
  const documents = job.targets.map(({ input }) => readPdf(input));
  prepareOutputs(job.targets);
  const answers = askOnTerminal();
  try {
    const password = await answers.ask({ vi: `Mật khẩu của ${job.userID}`, en: 'Password', secret: true });
    const credentialID = values.credential ?? choice(answers, job.client);
    const how = { ...job, password, credentialID, ...factorsFrom(answers), onStep: showStep };
    writeAll(job.targets, await signPdfs(documents, how));
  } catch (error) {
    throw withFix(error);
  } finally {
    answers.close();
  }
  for (const { output } of job.targets) process.stdout.write(`${output}\n`);
  return 0;
}

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];
type Job = Omit<SignPdfOptions, 'password' | 'credentialID' | 'askPIN' | 'askOTP' | 'onStep'> & { targets: Target[] };

/** @throws KysoError configuration — what is asked for cannot be done this way */
function jobOf(values: Values, positionals: string[]): Job {
  const baseUrl = values.url ?? process.env.KYSO_URL;
  const userID = values.user ?? process.env.KYSO_USER;
  const targets = targetsOf(positionals, values.output, values['out-dir']);
  if (!baseUrl) throw new KysoError('configuration', 'which service? --url https://host/csc/v1, or KYSO_URL.');
  if (!userID) throw new KysoError('configuration', 'who signs? --user ID, or KYSO_USER.');
  const { reason, location, name, field, visible } = values;
  if (field !== undefined && visible !== undefined)
    throw new KysoError(
      'configuration',
      '--field signs where the author of the document wants it: leave out --visible.',
    );
  if (values.ca !== undefined) trust(values.ca);
  const look = { reason, location, name, field, visible: visible === undefined ? undefined : placementOf(visible) };
  const level = levelOf(values.level ?? 'B-LT');
  const timestamp = values.tsa === undefined ? undefined : tsaOf(values.tsa, level);
  return { targets, client: cscClient({ baseUrl }), userID, ...look, level, timestamp };
}

function levelOf(text: string): SignatureLevel {
  const level = signatureLevels.find((name) => name === text.toUpperCase());
  if (level) return level;
  throw new KysoError('configuration', `--level is one of ${signatureLevels.join(', ')}`);
}

function tsaOf(url: string, level: SignatureLevel) {
  if (level === 'B-B') throw new KysoError('configuration', 'level B-B has no timestamp: leave out --tsa.');
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return { url };
  throw new KysoError('configuration', '--tsa is the address of a time-stamping service: http://… or https://…');
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

function factorsFrom(answers: Answers): Pick<SignPdfOptions, 'askPIN' | 'askOTP'> {
  return {
    askPIN: () => answers.ask({ vi: 'Mã PIN', en: 'PIN', secret: true }),
    askOTP: ({ type }) => {
      const sent = type === 'online';
      const vi = sent ? 'Mã xác thực một lần (đã gửi qua thư điện tử)' : 'Mã xác thực một lần';
      return answers.ask({ vi, en: sent ? 'One-time code (sent by e-mail)' : 'One-time code', secret: true });
    },
  };
}

/** With one credential there is nothing to ask. */
function choice(answers: Answers, client: CscClient) {
  return async (credentialIDs: readonly string[], token: string): Promise<string> => {
    if (credentialIDs.length === 1) return credentialIDs[0]!;
    for (const [index, id] of credentialIDs.entries()) {
      const { key, description = '', OTP } = await client.credentialsInfo(token, id);
      const about = `${description}${OTP?.type === 'online' ? ', e-mail' : ''}${key.status === 'disabled' ? ', off' : ''}`;
      process.stderr.write(`  ${index + 1}  ${plain(id)}  ${plain(about)}\n`);
    }
    const answer = await answers.ask({ vi: 'Chọn chứng thư số (số thứ tự)', en: 'Which credential (its number)' });
    const chosen = credentialIDs[Number(answer) - 1] ?? credentialIDs.find((id) => id === answer);
    if (!chosen)
      throw new KysoError('credentialUnknown', `there is no credential ${answer}: choose 1–${credentialIDs.length}`);
    return chosen;
  };
}

/** On a terminal the count of a step goes on in its line. */
function showStep(step: string, progress?: { done: number; total: number }): void {
  if (!progress) return void process.stderr.write(`• ${step}\n`);
  const { done, total } = progress;
  const last = done === total;
  if (process.stderr.isTTY) process.stderr.write(`\r• ${step} ${done}/${total}${last ? '\n' : ''}`);
  else if (last) process.stderr.write(`• ${step} ${total}\n`);
}
