import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { readConfig } from '../config.ts';
import { askNew, onTerminal } from './dialogue.ts';
import { showSeed } from './enrolment.ts';
import { askAll } from './officer-questions.ts';
import { operatorPeer } from './operator.ts';
import { defaultDirectory } from './options.ts';
import { plain, when } from './plain.ts';

const usage = `kyso ca officer add USER --name NAME [--by USER --by USER]
kyso ca officer list
kyso ca officer suspend USER                             (all with [--dir DIR])

Officers check and approve what is certified. Each has a password (at least 12 characters) and an authenticator app. The
first two come with the service; two who are there vouch for each further one (--by), outside of a sandbox.
`;

const options = {
  name: { type: 'string' },
  by: { type: 'string', multiple: true },
  dir: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** `kyso ca officer add|list|suspend`. */
export async function caOfficer(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [step = '', user, ...others] = positionals;
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const complete = step === 'list' ? user === undefined : user !== undefined;
  const fits = step === 'add' ? values.name !== undefined : values.name === undefined && values.by === undefined;
  if (!['add', 'list', 'suspend'].includes(step) || !complete || !fits || others.length > 0)
    throw new KysoError('configuration', `usage:\n${usage}`);

  const dialogue = onTerminal();
  const ca = await operatorPeer(readConfig(values.dir ?? defaultDirectory), 'ca');
  try {
    if (step === 'add') {
      const by = await askAll(dialogue, values.by ?? []);
      const question = { vi: `Mật khẩu mới của ${user}`, en: `new password of ${user}`, secret: true };
      const password = await askNew(dialogue, question);
      const added = await ca.call('officer.add', { user: user!, name: values.name!, password, by });
      showSeed(dialogue, added.otpauthUri);
    } else if (step === 'suspend') {
      await ca.call('officer.suspend', { user: user! });
      dialogue.print(`${plain(user!)} approves nothing any more.`);
    } else {
      const { officers } = await ca.call('officer.list', {});
      for (const { user, name, role, status, lockedUntil } of officers) {
        const lock = lockedUntil > Date.now() ? `, ${lockText(lockedUntil)}` : '';
        dialogue.print(plain(`${user}  ${name}  ${role}  ${status}${lock}`));
      }
    }
    return 0;
  } finally {
    dialogue.answers.close();
    ca.close();
  }
}

const lockText = (until: number) =>
  until === Number.MAX_SAFE_INTEGER ? 'locked for good' : `locked until ${when(until)}`;
