import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { type Config, readConfig } from '../config.ts';
import { type Inspection, inspectToken } from '../hsm/inspection.ts';
import { describeInspection } from './hsm-report.ts';
import { defaultDirectory } from './options.ts';
import { askOnTerminal } from './terminal.ts';

const usage = `kyso hsm probe [signer|ca] [--dir DIR] [--json]
kyso hsm probe --module PATH --label LABEL [--library-parameters TEXT] [--env NAME=VALUE …] [--json]

Tries what a PKCS#11 token can do, what it enforces, and which credentials it can carry. Leaves nothing in the token.
The first form takes the token and its PIN from the installation in DIR; the second one asks for the PIN, which never
stands in an argument. docs/tokens.md says how another module is configured.
`;

/** Probes the token of an installation, with the PIN that lies there. */
export type ProbeConfigured = (config: Config, owner: 'signer' | 'ca') => Promise<Inspection>;

/** `kyso hsm probe`. */
export async function hsm(args: string[], probeConfigured: ProbeConfigured): Promise<number> {
  const options = {
    dir: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
    module: { type: 'string' },
    label: { type: 'string' },
    'library-parameters': { type: 'string' },
    env: { type: 'string', multiple: true },
  } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [step, owner = 'signer', ...others] = positionals;
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const named = values.module !== undefined;
  const wrong = named ? positionals.length > 1 || values.dir !== undefined : values.label !== undefined;
  if (step !== 'probe' || others.length > 0 || wrong || (owner !== 'signer' && owner !== 'ca'))
    throw new KysoError('configuration', `usage:\n${usage}`);
  const inspection = named
    ? await probeNamed(values.module!, values.label, values['library-parameters'], values.env ?? [])
    : await probeConfigured(readConfig(values.dir ?? defaultDirectory), owner);
  process.stdout.write(values.json ? `${JSON.stringify(inspection, null, 2)}\n` : describeInspection(inspection));
  return 0;
}

async function probeNamed(
  module: string,
  label: string | undefined,
  libraryParameters: string | undefined,
  variables: string[],
): Promise<Inspection> {
  if (label === undefined) throw new KysoError('configuration', `--label is missing; usage:\n${usage}`);
  const environment = Object.fromEntries(variables.map((text) => readVariable(text)));
  const answers = askOnTerminal();
  try {
    const pin = await answers.ask({ vi: `Mã PIN của token ${label}`, en: 'its user PIN', secret: true });
    const address = { module, label, ...(libraryParameters !== undefined && { libraryParameters }) };
    return await inspectToken({ ...address, environment, pin: Buffer.from(pin) });
  } finally {
    answers.close();
  }
}

function readVariable(text: string): [string, string] {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new KysoError('configuration', `--env ${text} is not NAME=VALUE`);
  return [name, value];
}
