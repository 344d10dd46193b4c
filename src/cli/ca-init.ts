import { parseArgs } from 'node:util';
import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { type Config, readConfig } from '../config.ts';
import { type Custody, type CustodyTools, custodyFrom, custodyOptions } from './custodians.ts';
import { type Dialogue, onTerminal } from './dialogue.ts';
import { defaultDirectory } from './options.ts';
import { askTwoPersons, confirmFingerprint } from './two-persons.ts';

const usage = `kyso ca init --organisation TEXT --name TEXT [--shares N] [--threshold M] [--shares-to DIR] [--dir DIR]
    makes ca's token and its authorities: a root, issuing authorities for RSA and for EC keys, an OCSP responder for each,
    and a time-stamping unit. TEXT of --organisation becomes O, that of --name the beginning of each CN; a sandbox has
    defaults. Outside a sandbox two persons hold it: each gives a name and confirms the root's fingerprint. The keys can be
    restored by any M (2) of N (3) custodians, as with kyso signer init; in a sandbox the shares lie in secrets/ca-shares.
    The record is printed, and stands in enrolled/ceremony-ca.txt. --no-backup: for sandboxes
`;

type Made = { authorities: { id: string; role: string; certificate: Buffer }[] };
type Held = {
  names: { organisation: string; name: string };
  custody: Custody | 'none';
  persons: string[];
  confirm(record: string, made: Made): Promise<void>;
};
export type InitCa = CustodyTools & { initCa(config: Config, ceremony: Partial<Held>): Promise<void> };

const options = {
  dir: { type: 'string' },
  organisation: { type: 'string' },
  name: { type: 'string' },
  ...custodyOptions,
  help: { type: 'boolean' },
} as const;

/** `kyso ca init`, in a dialogue with the persons who hold it. */
export async function caInit(args: string[], tools: InitCa, dialogue = onTerminal()): Promise<number> {
  const { values } = parseArgs({ args, options });
  if (values.help) {
    dialogue.print(usage);
    return 0;
  }
  const config = readConfig(values.dir ?? defaultDirectory);
  try {
    const names = namesFrom(config, values);
    const persons = config.mode === 'sandbox' ? [] : await askTwoPersons(dialogue);
    const custody = custodyFrom(config, 'ca', values, { tools, dialogue });
    await tools.initCa(config, { ...(names && { names }), persons, custody, confirm: confirmRoot(dialogue, persons) });
  } finally {
    dialogue.answers.close();
  }
  dialogue.print('kyso ca init: done');
  return 0;
}

function namesFrom(
  { mode }: Config,
  { organisation, name }: { organisation?: string | undefined; name?: string | undefined },
) {
  if (organisation && name) return { organisation, name };
  if (mode === 'sandbox' && !organisation && !name) return undefined;
  throw new KysoError('configuration', 'say --organisation and --name: they stand in every certificate of this ca');
}

/** The root stands for all: it signed the others, and everybody who trusts this ca gets its fingerprint. */
function confirmRoot(dialogue: Dialogue, persons: string[]): Held['confirm'] {
  return async (record, { authorities }) => {
    dialogue.print(record);
    const root = authorities.find(({ role }) => role === 'root');
    if (!root) throw new KysoError('internal', 'the ceremony made no root');
    await confirmFingerprint(dialogue, persons, { of: root.id, fingerprint: sha256(root.certificate).toString('hex') });
  };
}
