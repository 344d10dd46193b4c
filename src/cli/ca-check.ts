import { parseArgs } from 'node:util';
import { sha256 } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { readConfig } from '../config.ts';
import type { CheckedCertificate, CheckedShard } from '../ipc/ca-check-contract.ts';
import type { CaContract } from '../ipc/ca-contract.ts';
import type { Peer } from '../ipc/contract.ts';
import { type OpensslJudge, opensslJudge } from './openssl-judge.ts';
import { operatorPeer } from './operator.ts';
import { defaultDirectory } from './options.ts';

const usage = `kyso ca check [--json] [--dir DIR]
    re-reads every certificate and CRL of the running certification authority and judges them anew: by openssl, by
    the rules that certificates are issued under, against their rows, lines, keys and the issuance log, and each CRL
    against what was revoked. Exit code 1 when something has drifted
`;

/** What was found: what it is about, and what is wrong with it. */
export type Drift = { of: string; problem: string };
export type CheckReport = { certificates: number; shards: number; drift: Drift[] };

/** `kyso ca check`. */
export async function caCheck(args: string[]): Promise<number> {
  const options = { dir: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } } as const;
  const { values } = parseArgs({ args, options });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const ca = await operatorPeer(readConfig(values.dir ?? defaultDirectory), 'ca');
  const progress = process.stderr.isTTY ? (text: string) => process.stderr.write(`\r${text}\u001b[K`) : () => {};
  const report = await checkAuthority(ca, progress).finally(() => ca.close());
  progress('');
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else {
    for (const { of, problem } of report.drift) process.stdout.write(`${of}: ${problem}\n`);
    const { certificates, shards, drift } = report;
    process.stdout.write(`${certificates} certificates and ${shards} CRLs checked, ${drift.length} problems\n`);
  }
  return report.drift.length === 0 ? 0 : 1;
}

/**
 * The whole walk over a running ca, which goes on issuing and revoking: CRLs are read before certificates, and the log
 * last, so that what happens meanwhile is not taken for drift.
 * @throws KysoError unavailable — it went away; configuration — openssl is missing
 */
export async function checkAuthority(
  ca: Pick<Peer<CaContract>, 'call'>,
  progress: (text: string) => void = () => {},
): Promise<CheckReport> {
  const begun = systemClock.now();
  const { authorities } = await ca.call('check.authorities', {});
  const known = authorities.map((each) => ({ ...each, certificate: Buffer.from(each.certificate, 'base64') }));
  const judge = await opensslJudge(known);
  const report: CheckReport = { certificates: 0, shards: 0, drift: [] };
  const note = (of: string, problem: string) => void report.drift.push({ of, problem });
  try {
    const wrong = await judge.certificates(new Map(known.map(({ id, certificate }) => [id, certificate])));
    for (const [id, problem] of wrong) note(id, problem);

    const crls = new Map<string, JudgedCrl>();
    for await (const { shards, bad } of parts((part) => ca.call('check.shards', { ...part, limit: 4 }))) {
      for (const id of bad) note(`CRL ${id}`, 'its row is not as Kyso wrote it');
      for (const shard of shards) crls.set(shard.id, await judgeShard(judge, shard, note));
      report.shards += shards.length;
      progress(`${report.shards} CRLs`);
    }

    const unlogged = new Map<string, string>();
    for await (const { certificates, bad } of parts((part) => ca.call('check.certificates', { ...part, limit: 200 }))) {
      for (const serial of bad) note(`certificate ${serial}`, 'its row is not as Kyso wrote it');
      await judgeCertificates(judge, certificates, crls, unlogged, note);
      report.certificates += certificates.length;
      progress(`${report.certificates} certificates`);
    }
    for (const [id, { listed }] of crls)
      for (const serial of listed) note(`CRL ${id}`, `it lists ${serial}, which is not revoked`);

    for await (const { issued } of parts((part) => ca.call('check.log', { ...part, limit: 1000 }))) {
      for (const { hash, at } of issued) {
        const stored = unlogged.delete(hash);
        if (!stored && at < begun) note('issuance log', `it has a certificate that the store has not: SHA-256 ${hash}`);
      }
    }
    for (const serial of unlogged.values()) note(`certificate ${serial}`, 'the issuance log does not have it');
  } finally {
    judge.close();
  }
  return report;
}

type Note = (of: string, problem: string) => void;

/** What a CRL lists, less what was found to be revoked. */
type JudgedCrl = { listed: Set<string>; thisUpdate: number };

type Part = { after?: string };

async function* parts<P extends { last?: string }>(read: (part: Part) => Promise<P>): AsyncGenerator<P> {
  let after: string | undefined;
  do {
    const part: P = await read(after === undefined ? {} : { after });
    yield part;
    after = part.last;
  } while (after !== undefined);
}

async function judgeShard(judge: OpensslJudge, shard: CheckedShard, note: Note): Promise<JudgedCrl> {
  const { id, authority, crl, thisUpdate, nextUpdate } = shard;
  const nothing = { listed: new Set<string>(), thisUpdate: 0 };
  if (crl === undefined) {
    note(`CRL ${id}`, 'there is none yet');
    return nothing;
  }
  const listed = await judge.crl(Buffer.from(crl, 'base64'), authority);
  if (nextUpdate < systemClock.now()) note(`CRL ${id}`, `it ended on ${new Date(nextUpdate).toISOString()}`);
  if (typeof listed !== 'string') return { listed, thisUpdate };
  note(`CRL ${id}`, listed);
  return nothing;
}

/** Puts the certificates into `unlogged`, by their hashes, and takes those that are revoked out of what CRLs list. */
async function judgeCertificates(
  judge: OpensslJudge,
  certificates: readonly CheckedCertificate[],
  crls: ReadonlyMap<string, JudgedCrl>,
  unlogged: Map<string, string>,
  note: Note,
): Promise<void> {
  const bytes = new Map(
    certificates.flatMap(({ serialNumber, certificate }) =>
      certificate === undefined ? [] : [[serialNumber, Buffer.from(certificate, 'base64')] as const],
    ),
  );
  for (const [serial, der] of bytes) unlogged.set(sha256(der).toString('hex'), serial);
  for (const [serial, problem] of await judge.certificates(bytes)) note(`certificate ${serial}`, problem);
  for (const { serialNumber, problems, revokedAt, notAfter, shard } of certificates) {
    for (const problem of problems) note(`certificate ${serialNumber}`, problem);
    if (revokedAt === 0) continue;
    const crl = crls.get(shard);
    const listed = crl?.listed.delete(serialNumber) === true;
    // One that has expired may have left its CRL.
    const due = crl !== undefined && revokedAt < crl.thisUpdate && notAfter > crl.thisUpdate;
    if (!listed && (due || !crl))
      note(`certificate ${serialNumber}`, `it is revoked, and CRL ${shard} does not list it`);
  }
}
