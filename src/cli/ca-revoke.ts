import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { readConfig } from '../config.ts';
import type { ListedCertificate, Standing } from '../ipc/ca-revocation.ts';
import { operatorPeer } from './operator.ts';
import { defaultDirectory } from './options.ts';
import { when } from './plain.ts';

const usage = `kyso ca revoke SERIAL|CREDENTIALID --reason REASON [--by LEVEL[:ID]] [--dir DIR]
    revokes a certificate for ever: signing stops at once, OCSP and CRL say so
kyso ca hold SERIAL|CREDENTIALID --reason REASON [--by LEVEL[:ID]] [--dir DIR]
    the same until it is released
kyso ca release SERIAL|CREDENTIALID [--by LEVEL[:ID]] [--dir DIR]
    lifts a hold; only the level that set it or a higher one does
kyso ca certificates [--credential ID] [--dir DIR]
kyso ca crls [--dir DIR]
    the CRL shards, and how far each one is published

  REASON  keyCompromise deviceLost authorityRequest organisationRequest positionChanged retired deceased
          (Decree 68/2024/NĐ-CP art. 17), notIssued superseded authorityCompromise
  LEVEL   subscriber < organisation < officer < operator: on whose behalf, with an id of theirs; an operator's own
          word without it
`;

const options = {
  dir: { type: 'string' },
  reason: { type: 'string' },
  by: { type: 'string' },
  credential: { type: 'string' },
  help: { type: 'boolean' },
} as const;

export const revocationSteps = ['revoke', 'hold', 'release', 'certificates', 'crls'] as const;
export type RevocationStep = (typeof revocationSteps)[number];

/** `kyso ca revoke`, `hold`, `release`, `certificates` and `crls`, over the operator's socket of a running ca. */
export async function caRevocation(step: RevocationStep, args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const [certificate, ...others] = positionals;
  const lists = step === 'certificates' || step === 'crls';
  const wants = { reason: step === 'revoke' || step === 'hold', certificate: !lists };
  const wrong =
    others.length > 0 ||
    wants.certificate !== (certificate !== undefined) ||
    wants.reason !== (values.reason !== undefined) ||
    (lists && values.by !== undefined) ||
    (values.credential !== undefined && step !== 'certificates');
  if (wrong) throw new KysoError('configuration', `usage:\n${usage}`);
  const ca = await operatorPeer(readConfig(values.dir ?? defaultDirectory), 'ca');
  const { reason = '', credential } = values;
  try {
    if (step === 'crls') {
      for (const shard of (await ca.call('crl.list', {})).shards) print(shardLine(shard));
    } else if (step === 'certificates') {
      for (let after: string | undefined, more = true; more; more = after !== undefined) {
        const page = await ca.call('certificate.list', { ...(credential && { credential }), ...(after && { after }) });
        for (const found of page.certificates) print(certificateLine(found));
        after = page.last;
      }
    } else {
      const asked = { target: targetOf(certificate ?? ''), by: byOf(values.by) };
      const standing =
        step === 'release'
          ? await ca.call('certificate.release', asked)
          : await ca.call(`certificate.${step}`, { ...asked, reason });
      print(standingLine(standing));
    }
    return 0;
  } finally {
    ca.close();
  }
}

/** A serial number has 32 hex digits, a credentialID 22 characters. */
const targetOf = (text: string) =>
  /^[0-9A-Fa-f]{24,40}$/.test(text) ? { serialNumber: text.toUpperCase() } : { credential: text };

/** `LEVEL` or `LEVEL:ID`; without it the operator who types this. */
function byOf(text = 'operator') {
  const [name = '', ...id] = text.split(':');
  const level = (['subscriber', 'organisation', 'officer', 'operator'] as const).find((known) => known === name);
  if (!level) throw new KysoError('configuration', `--by ${text}: use subscriber, organisation, officer or operator`);
  return { level, name: id.join(':') || userInfo().username };
}

const states = { none: 'good', hold: 'on hold', revoked: 'revoked' } as const;

function standingLine({ serialNumber, credential, revocation, reason, revokedBy, revokedAt }: Standing): string {
  const since = revokedAt === null ? '' : ` since ${when(revokedAt)} (${reason}, ${revokedBy})`;
  return `${serialNumber}  ${credential}  ${states[revocation]}${since}`;
}

function certificateLine(certificate: ListedCertificate): string {
  const { status, shard, notAfter } = certificate;
  const unfinished = status === 'issued' ? '' : `  ${status}`;
  return `${standingLine(certificate)}  until ${when(notAfter)}  CRL ${shard}${unfinished}`;
}

type Shard = Record<'certificates' | 'entries' | 'number' | 'thisUpdate' | 'nextUpdate', number> & { url: string };

const shardLine = ({ url, certificates, entries, number, thisUpdate, nextUpdate }: Shard) =>
  `${url}  ${entries} of ${certificates} revoked or on hold  ` +
  (number === 0 ? 'no CRL yet' : `CRL ${number} of ${when(thisUpdate)}, until ${when(nextUpdate)}`);

const print = (line: string) => void process.stdout.write(`${line}\n`);
