import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { operatorPeer } from '../src/cli/operator.ts';
import type { SandboxLine } from '../src/ipc/line.ts';
import { startBareIssuance } from './bare-issuance.ts';
import { initServer, startServer } from './server.ts';
import { median } from './statistics.ts';

/*
 * Certificates for new P-256 credentials, per second: the whole way of a line from its list to a credential that signs, by
 * ca, signer and their tokens, against what cannot be done without. Both take turns.
 */

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '4' } },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
const abreast = 16;
/** Enough for 250 certificates a second. */
const people = Math.ceil((250 * seconds * (rounds + 1)) / 98);

const directory = mkdtempSync(join(tmpdir(), 'kyso-issuance-'));
const config = await initServer(join(directory, 'd'), { engine: 'sqlite' });
const server = await startServer(config);
const ca = await operatorPeer(config, 'ca');
const bare = await startBareIssuance(directory, config.pkcs11.module);

/** Further credentials of people who are there; each person may have 99. */
const perPerson = 99;
let issued = 0;

/** A person is made with the first of them: that is an Argon2id for the vault, so it is measured apart. */
function lineOf(person: number, serial: number): SandboxLine {
  return {
    ...{ userID: `p${person}`, name: 'Nguyễn Thị Ánh', email: `p${person}@example.vn`, phone: '+84901234567' },
    ...{ keyType: 'EC-P256', otp: 'totp', serial },
    subject: { commonName: 'Nguyễn Thị Ánh', organisation: 'Sở Y tế', organisationalUnits: [], locality: 'Sông Hồng' },
  };
}

async function issue(): Promise<void> {
  const number = issued++;
  await ca.call('sandbox.issue', lineOf(Math.floor(number / (perPerson - 1)), 2 + (number % (perPerson - 1))));
}

/** How often `work` is done in a second, `abreast` at a time. */
async function rate(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  const end = start + 1000 * seconds;
  let done = 0;
  const lane = async () => {
    while (performance.now() < end) {
      await work();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: abreast }, lane));
  return (1000 * done) / (performance.now() - start);
}

try {
  const began = performance.now();
  for (let person = 0; person < people; person += 1) await ca.call('sandbox.issue', lineOf(person, 1));
  const perNewPerson = (performance.now() - began) / people;
  await rate(issue); // warm
  const pairs: { bare: number; issued: number }[] = [];
  for (let round = 0; round < rounds; round += 1) pairs.push({ bare: await rate(bare.one), issued: await rate(issue) });
  const perSecond = median(pairs.map((pair) => pair.issued));
  const ratio = median(pairs.map((pair) => pair.issued / pair.bare));
  const loop = median(pairs.map((pair) => pair.bare));
  process.stdout.write(
    `P-256: ${perSecond.toFixed(1)} certificates/s; keygen + wrap + sign ${loop.toFixed(1)}/s; ratio ${ratio.toFixed(3)}\n` +
      `the first credential of a new person, one at a time: ${perNewPerson.toFixed(0)} ms\n`,
  );
} finally {
  ca.close();
  await bare.stop();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}
