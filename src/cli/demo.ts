import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { CscError, cscClient, signPdf } from '../client/index.ts';
import type { SignatureFacts } from '../client/signature-facts.ts';
import { type Config, pathsOf, readConfig } from '../config.ts';
import type { InitSandbox } from './init.ts';
import { describeMessage, readMessages, untilMessage } from './mailbox.ts';
import { authenticator } from './one-time-code.ts';
import { defaultDirectory, defaultPort, readPort } from './options.ts';
import { people } from './people.ts';
import { accountStore, populate, type SandboxFile, sandboxMail } from './sandbox.ts';
import { type Supervise, stopOnSignal, withPort } from './serve.ts';
import { verifyPdf } from './verify.ts';

const sample = join(import.meta.dirname, '..', '..', 'docs', 'sample', 'giay-xac-nhan.pdf');
const say = (text: string) => process.stdout.write(`${text}\n`);
const step = (text: string) => say(`• ${text}`);

/**
 * `kyso demo`: makes a sandbox (or takes the one that is there), starts it, signs a PDF through the HTTP API as an
 * integrator would, has two outside tools verify it, and serves. With --once it stops then: 0 when valid, else 1.
 * Stopped before the verification: 130. A process that could not be helped by a restart: 78.
 */
export async function demo(args: string[], parts: { initSandbox: InitSandbox; supervise: Supervise }): Promise<number> {
  const options = { dir: { type: 'string' }, port: { type: 'string' }, once: { type: 'boolean' } } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  if (positionals.length > 1) throw new KysoError('configuration', 'the demo signs one PDF: kyso demo FILE.pdf');
  const file = positionals[0] ?? sample;
  const pdf = readPdf(file);
  const config = await sandboxConfig(resolve(values.dir ?? defaultDirectory), readPort(values.port), parts.initSandbox);

  step(`starting signer, certification authority and API on port ${config.http.port}`);
  const supervisor = parts.supervise(config);
  stopOnSignal(supervisor);
  try {
    const stopped = supervisor.ended.then((name) => {
      throw new KysoError('unavailable', name ? `${name} could not start (see its message above)` : 'stopped');
    });
    const valid = await Promise.race([play(config, supervisor, file, pdf), stopped]);
    if (values.once || !valid) return valid ? 0 : 1;
    say('\nServing until Ctrl-C / Máy chủ đang chạy, dừng bằng Ctrl-C.');
    say('New messages to the people of the sandbox appear here / Tin nhắn mới hiện ở đây:');
    const messages = showNewMessages(config);
    const ended = await supervisor.ended;
    messages.stop();
    return ended === undefined ? 0 : 78;
  } catch (error) {
    if (error instanceof KysoError && error.message === 'stopped') return 130;
    throw error;
  } finally {
    await supervisor.stop();
  }
}

function readPdf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new KysoError('document', `${file} cannot be read`, { cause });
  }
}

async function sandboxConfig(directory: string, port: number | undefined, initSandbox: InitSandbox): Promise<Config> {
  if (existsSync(pathsOf({ directory }).initialised)) {
    step(`sandbox of an earlier run in ${directory}`);
    return withPort(readConfig(directory), port);
  }
  step(`new sandbox in ${directory}`);
  const onStep = (what: string) => step(`  ${what}`);
  return initSandbox(directory, { port: port ?? defaultPort, store: { engine: 'sqlite' }, onStep });
}

/** Everything between "ready" and "verified"; true when both judges accept. */
async function play(config: Config, supervisor: ReturnType<Supervise>, file: string, pdf: Buffer): Promise<boolean> {
  await supervisor.ready;
  const baseUrl = `http://127.0.0.1:${config.http.port}`;
  const sandbox = await populate(config, baseUrl, (what) => step(`  ${what}`));
  const before = new Date(systemClock.now()).toISOString();
  const signedFile = await sign(config, sandbox, file, pdf);
  await showNotice(sandbox, before);
  const { verdicts, facts } = await verifyPdf(readFileSync(signedFile), signedFile, pathsOf(config).rootCertificate);
  for (const { tool, valid, said } of verdicts) step(`${tool}: ${valid ? '✓' : '✗'} ${said}`);
  const valid = verdicts.every((verdict) => verdict.valid);
  say('');
  say(valid ? 'Signed and valid / Đã ký, chữ ký hợp lệ' : 'NOT VALID / CHỮ KÝ KHÔNG HỢP LỆ');
  say(`  signed PDF     ${signedFile}`);
  say(`  level          ${describeLevel(facts)}`);
  say(`  for clients    ${join(config.directory, 'sandbox.json')}`);
  say(`  root           ${pathsOf(config).rootCertificate}`);
  say(`  CSC API        ${sandbox.csc.v1}   documentation: ${baseUrl}/docs`);
  say(`  health         ${baseUrl}/health/ready`);
  say('  messages       ./scripts/kyso sandbox mail');
  say(
    `  tier           ${supervisor.tier}${supervisor.tier === 'development' ? ' (one user for all processes: no walls between them)' : ''}`,
  );
  return valid;
}

/** What stands in the document beside the signature. */
function describeLevel({ level, timestamp, store: { certificates, ocsps, crls } }: SignatureFacts): string {
  const kept = `${certificates} certificates, ${ocsps} OCSP responses, ${crls} CRLs`;
  return [
    level,
    ...(timestamp ? [`timestamp ${timestamp.time.toISOString()}`] : []),
    ...(level === 'B-LT' ? [kept] : []),
  ].join(', ');
}

/** What the holder is told about the signature that was just made. */
async function showNotice({ mail }: SandboxFile, since: string): Promise<void> {
  step('the holder is told:');
  say(describeMessage(await untilMessage(mail.url, people.otherSubscriber.email, ({ at }) => at >= since)));
}

/** Prints what arrives from now on. */
function showNewMessages(config: Config): { stop(): void } {
  const { url } = sandboxMail(config);
  let newest: string | undefined;
  const look = async () => {
    const messages = await readMessages(url);
    const texts = messages.map((message) => JSON.stringify(message));
    // The catcher forgets the oldest, so it is the text of the last one shown that counts, not its place.
    const shown = newest === undefined ? messages.length - 1 : texts.lastIndexOf(newest);
    for (const message of messages.slice(shown + 1)) say(describeMessage(message));
    newest = texts.at(-1) ?? '';
  };
  const timer = setInterval(() => void look().catch(() => {}), 1_000);
  return { stop: () => clearInterval(timer) };
}

async function sign(config: Config, sandbox: SandboxFile, file: string, pdf: Buffer): Promise<string> {
  const holder = sandbox.otherSubscriber;
  step(`signing ${basename(file)} over HTTP as ${people.otherSubscriber.name} (${holder.userID})`);
  const signed = await withFreshCode(config, (askOTP) =>
    signPdf(pdf, {
      client: cscClient({ baseUrl: sandbox.csc.v1 }),
      userID: holder.userID,
      password: holder.password,
      askPIN: () => holder.pin,
      askOTP,
      name: people.otherSubscriber.name,
      reason: 'Ký thử Kyso',
      onStep: (name) => step(`  ${name}`),
    }),
  );
  const directory = join(config.directory, 'signed');
  mkdirSync(directory, { recursive: true });
  const signedFile = join(directory, basename(file).replace(/(\.pdf)?$/i, '-signed.pdf'));
  writeFileSync(signedFile, signed);
  return signedFile;
}

/**
 * Signs with the next code of the holder's app, and remembers which one that was. A code that somebody else used up is
 * refused: then the next one is tried.
 */
async function withFreshCode(
  config: Config,
  work: (askOTP: () => Promise<string>) => Promise<Buffer>,
): Promise<Buffer> {
  const { accounts, save } = accountStore(config);
  const account = accounts.otherSubscriber;
  if (!account) throw new KysoError('internal', 'the sandbox lacks a person');
  const app = authenticator(account.holder.totpSecret, systemClock, account.lastStep);
  const ask = async () => {
    const code = await app.nextCode(() => step('  waiting for the next one-time code (up to 30 s)'));
    account.lastStep = app.lastStep();
    save();
    return code;
  };
  for (let tries = 1; ; tries += 1) {
    try {
      return await work(ask);
    } catch (error) {
      if (!(error instanceof CscError)) throw error;
      if (error.error !== 'invalid_otp' || tries === 3)
        throw new KysoError('unavailable', error.message, { cause: error });
      step('  this code was already used: taking the next');
    }
  }
}
