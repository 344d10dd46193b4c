import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../src/base/clock.ts';
import { authenticator } from '../src/cli/one-time-code.ts';
import { enrolPerson } from '../src/cli/sandbox.ts';
import { CscError, cscClient } from '../src/client/index.ts';
import { type Config, type ConfigFile, pathsOf, readConfig } from '../src/config.ts';
import { initSandbox } from '../src/processes/init.ts';
import { descendants } from '../test/helpers/processes.ts';
import { freePort, startServe, untilReady } from '../test/helpers/sandbox.ts';
import { makeShim } from '../test/helpers/shim.ts';
import { shortDirectory } from '../test/helpers/temp.ts';
import { shimSessions } from './shim-sessions.ts';
import { megabytes, missed, type Sample } from './soak-verdict.ts';

const sha256WithRsa = '1.2.840.113549.1.1.11';
const [hashesPerSad, batch] = [1000, 100];
const [warmUp, interval] = [60_000, 30_000];

type Options = { store: ConfigFile['store']; minutes: number; holders: number };

/** Signs at full load for some minutes, shows every half minute how Kyso is, and says whether it kept the bar. */
export async function soakAtFullLoad(
  t: { teardown(handler: () => unknown): void },
  { store, minutes, holders }: Options,
): Promise<boolean> {
  const shim = makeShim(t);
  const config = withModule(
    await initSandbox(join(shortDirectory(t), 'd'), { port: await freePort(), store }),
    shim.module,
  );
  const supervisor = startServe(config);
  t.teardown(async () => {
    if (supervisor.exitCode !== null) return;
    const ended = once(supervisor, 'exit');
    supervisor.kill('SIGTERM');
    await ended;
  });
  const baseUrl = `http://127.0.0.1:${config.http.port}`;
  await untilReady(baseUrl, 60_000);
  const people = await enrolAll(config, baseUrl, holders);

  const counts = { signatures: 0, failures: 0 };
  let stopped = false;
  const loops = people.map(async (person) => {
    while (!stopped) {
      await signOneSad(baseUrl, person, counts, () => stopped).catch((error: unknown) => {
        counts.failures += 1;
        console.log(`  ✗ ${error instanceof CscError ? `${error.message}` : error}`);
      });
    }
  });
  const sessions = shimSessions(shim.module);
  await delay(warmUp);
  const samples: Sample[] = [];
  const end = performance.now() + minutes * 60_000;
  let before = { at: performance.now(), signatures: counts.signatures };
  while (performance.now() < end) {
    await delay(Math.min(interval, Math.max(0, end - performance.now())));
    const processes = [{ pid: supervisor.pid!, title: 'kyso serve' }, ...descendants(supervisor.pid!)];
    const memory = processes.map(({ pid, title }) => ({ title: shortTitle(title), rss: rssOf(pid) }));
    const open = sessions.read(processes.map(({ pid }) => pid));
    samples.push({ ...counts, rss: memory.reduce((sum, { rss }) => sum + rss, 0), sessions: Math.max(...open, 0) });
    const now = { at: performance.now(), signatures: counts.signatures };
    const rate = (1000 * (now.signatures - before.signatures)) / (now.at - before.at);
    before = now;
    console.log(
      `${new Date(systemClock.now()).toISOString().slice(11, 19)}  ${rate.toFixed(0)} signatures/s` +
        `  ${megabytes(samples.at(-1)!.rss)} in all: ${memory.map(({ title, rss }) => `${title} ${megabytes(rss)}`).join(', ')}` +
        `  sessions ${open.join('+')}  failures ${counts.failures}`,
    );
  }
  stopped = true;
  await Promise.all(loops);
  const findings = missed(samples);
  for (const finding of findings) console.log(`  ✗ ${finding}`);
  console.log(
    `${store.engine}: ${minutes} minutes, ${counts.signatures} signatures: ${findings.length === 0 ? 'kept' : 'MISSED'}`,
  );
  return findings.length === 0;
}

type Person = { token: string; credentialID: string; pin: string; nextCode: () => Promise<string> };

async function enrolAll(config: Config, baseUrl: string, count: number): Promise<Person[]> {
  const people: Person[] = [];
  const names = Array.from({ length: count }, (_, number) => `soak-${number}-${randomBytes(3).toString('hex')}`);
  const enrolNext = async (): Promise<void> => {
    for (let userID = names.pop(); userID !== undefined; userID = names.pop()) {
      const subject = { commonName: userID, organisation: 'Kyso', organisationalUnits: [] };
      const phone = `+8492${String(names.length).padStart(7, '0')}`;
      const line = { userID, name: userID, email: `${userID}@example.vn`, phone, subject };
      const { holder, credentials, lastStep } = await enrolPerson(config, baseUrl, line, [
        { keyType: 'RSA-2048', otp: 'totp' },
      ]);
      const csc = cscClient({ baseUrl: `${baseUrl}/csc/v1` });
      const { accessToken: token } = await csc.login(holder.userID, holder.password);
      const app = authenticator(holder.totpSecret, systemClock, lastStep);
      people.push({
        token,
        credentialID: credentials[0]!.credentialID,
        pin: holder.pin,
        nextCode: () => app.nextCode(),
      });
      if (people.length % 5 === 0) console.log(`${people.length} of ${count} holders are ready`);
    }
  };
  await Promise.all([enrolNext(), enrolNext(), enrolNext()]);
  return people;
}

/** One authorization of 1,000 hashes, used in batches of 100 and, for the last ones, hash by hash. */
async function signOneSad(
  baseUrl: string,
  { token, credentialID, pin: PIN, nextCode }: Person,
  counts: { signatures: number },
  ended: () => boolean,
): Promise<void> {
  const csc = cscClient({ baseUrl: `${baseUrl}/csc/v1` });
  const hash = Array.from({ length: hashesPerSad }, () => createHash('sha256').update(randomBytes(16)).digest());
  const { SAD } = await csc.authorize(token, { credentialID, hash, PIN, OTP: await nextCode() });
  for (let rest = hash; rest.length > 0 && !ended(); ) {
    const size = rest.length > batch ? batch : 10;
    const signatures = await csc.signHash(token, {
      credentialID,
      SAD,
      hash: rest.slice(0, size),
      signAlgo: sha256WithRsa,
    });
    counts.signatures += signatures.length;
    rest = rest.slice(size);
  }
}

function withModule({ directory }: Config, module: string): Config {
  const file = pathsOf({ directory }).config;
  const content: ConfigFile = JSON.parse(readFileSync(file, 'utf8'));
  content.pkcs11.module = module;
  writeFileSync(file, JSON.stringify(content));
  return readConfig(directory);
}

const shortTitle = (title: string) => (/worker\.ts/.test(title) ? 'token worker' : title);

/** Resident memory of a process in bytes; none when it has ended. */
function rssOf(pid: number): number {
  try {
    return 1024 * Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
