import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf, readConfig } from '../config.ts';
import { AuthorityKindField } from '../ipc/ca-contract.ts';
import { type Dialogue, onTerminal } from './dialogue.ts';
import { operatorPeer } from './operator.ts';
import { defaultDirectory } from './options.ts';
import { askTwoPersons, confirmFingerprint } from './two-persons.ts';

const kinds = AuthorityKindField.enum;
type Kind = (typeof kinds)[number];

const usage = `kyso ca rollover ${kinds.join('|')} [--dir DIR]
    makes the next authority of this kind in the running ca: its key in the token and in the backup, its certificate, and
    with an issuing authority its responder. From then on it does what is new; the ones before it go on with CRLs and
    answers until they end. A new root signs the next issuing authorities; it goes into enrolled/root.pem beside the old one.
    Outside a sandbox two persons confirm the fingerprint of each new key. The record is printed, and stands in enrolled/
`;

/** `kyso ca rollover KIND`, in a dialogue with the persons who hold it. */
export async function caRollover(args: string[], dialogue = onTerminal()): Promise<number> {
  const options = { dir: { type: 'string' }, help: { type: 'boolean' } } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [kind] = positionals;
  if (values.help) {
    dialogue.print(usage);
    return 0;
  }
  if (!isKind(kind)) throw new KysoError('configuration', `usage:\n${usage}`);
  const config = readConfig(values.dir ?? defaultDirectory);
  try {
    await rollOver(config, kind, dialogue);
  } finally {
    dialogue.answers.close();
  }
  return 0;
}

const isKind = (text: string | undefined): text is Kind => (kinds as readonly string[]).includes(text ?? '');

async function rollOver(config: Config, kind: Kind, dialogue: Dialogue): Promise<void> {
  const ca = await operatorPeer(config, 'ca');
  try {
    const persons = config.mode === 'sandbox' ? [] : await askTwoPersons(dialogue);
    const { keys } = await ca.call('authority.prepareRollover', { kind });
    for (const { id, fingerprint } of keys) {
      dialogue.print(`${id}: SHA-256 of its public key ${fingerprint}`);
      await confirmFingerprint(dialogue, persons, { of: id, fingerprint });
    }
    const { record, ids, roots } = await ca.call('authority.rollover', { kind, keys, persons });
    const paths = pathsOf(config);
    dialogue.print(record);
    appendFileSync(paths.caRecord(`-${ids[0]}`), record, { mode: 0o644, flush: true });
    if (roots) appendFileSync(paths.rootCertificate, roots, { flush: true });
    dialogue.print(`kyso ca rollover: ${ids.join(' and ')} from now on`);
  } finally {
    ca.close();
  }
}
