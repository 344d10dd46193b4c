import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { readConfig } from '../config.ts';
import { type Dialogue, onTerminal } from './dialogue.ts';
import { askAll } from './officer-questions.ts';
import { operatorPeer } from './operator.ts';
import { defaultDirectory } from './options.ts';
import { plain, when } from './plain.ts';

const usage = `kyso ca organisation add CODE --name NAME [--by USER --by USER]
kyso ca organisation enrol CODE CERTIFICATE [--by USER --by USER]
kyso ca organisation list
kyso ca organisation retire CODE [FINGERPRINT]           (all with [--dir DIR])

The organisations whose lists are certified, and the certificates (PEM or DER) with which they sign them. Outside of a
sandbox two officers vouch for what is added (--by). CODE stands in what the organisation signs: A–Z a–z 0–9 _ -
`;

const options = {
  name: { type: 'string' },
  by: { type: 'string', multiple: true },
  dir: { type: 'string' },
  help: { type: 'boolean' },
} as const;

type Values = { name?: string | undefined; by?: string[] | undefined };
type Ca = Awaited<ReturnType<typeof operatorPeer<'ca'>>>;
type Step = { most: number; run(ca: Ca, dialogue: Dialogue, given: string[], values: Values): Promise<void> };

const steps: Record<string, Step> = {
  add: {
    most: 1,
    async run(ca, dialogue, [code], { name, by = [] }) {
      if (!code || !name) throw wrongUsage();
      await ca.call('organisation.add', { code, name, by: await askAll(dialogue, by) });
      dialogue.print(`${plain(code)} was added; now enrol a certificate for it.`);
    },
  },
  enrol: {
    most: 2,
    async run(ca, dialogue, [code, file], { by = [] }) {
      if (!code || !file) throw wrongUsage();
      const certificate = readCertificateFile(file).toString('base64');
      const enrolled = await ca.call('organisation.enrol', { code, certificate, by: await askAll(dialogue, by) });
      dialogue.print(`${plain(code)} signs with the certificate ${enrolled.fingerprint}`);
    },
  },
  list: {
    most: 0,
    async run(ca, dialogue) {
      for (const { code, name, status, certificates } of (await ca.call('organisation.list', {})).organisations) {
        dialogue.print(plain(`${code}  ${name}  ${status}`));
        for (const { fingerprint, status, notAfter } of certificates)
          dialogue.print(plain(`  ${fingerprint}  ${status}, until ${when(notAfter)}`));
      }
    },
  },
  retire: {
    most: 2,
    async run(ca, dialogue, [code, fingerprint]) {
      if (!code) throw wrongUsage();
      await ca.call('organisation.retire', { code, ...(fingerprint && { fingerprint }) });
      dialogue.print(plain(`${fingerprint ?? code} counts no more.`));
    },
  },
};

/** `kyso ca organisation add|enrol|list|retire`. */
export async function caOrganisation(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [name = '', ...given] = positionals;
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const step = Object.hasOwn(steps, name) ? steps[name] : undefined;
  if (!step || given.length > step.most) throw wrongUsage();
  const dialogue = onTerminal();
  const ca = await operatorPeer(readConfig(values.dir ?? defaultDirectory), 'ca');
  try {
    await step.run(ca, dialogue, given, values);
    return 0;
  } finally {
    dialogue.answers.close();
    ca.close();
  }
}

const wrongUsage = () => new KysoError('configuration', `usage:\n${usage}`);

function readCertificateFile(file: string): Buffer {
  try {
    return new X509Certificate(readFileSync(file)).raw;
  } catch (cause) {
    throw new KysoError('configuration', `${file} cannot be read as a certificate`, { cause });
  }
}
