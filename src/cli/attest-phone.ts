import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { readConfig } from '../config.ts';
import { operatorPeer } from './operator.ts';
import { defaultDirectory } from './options.ts';
import { when } from './plain.ts';

const usage = `kyso signer attest-phone USERID --by WHO [--dir DIR]

WHO knows the person and has seen the new phone: it stands in the log. The person then moves the authenticator app with
kyso subscriber totp begin, within 14 days. An attestation before this one ends, with a move that it allowed.
`;

/** `kyso signer attest-phone`: the operator's word that a new phone is a subscriber's, until the request desk has it. */
export async function attestPhone(args: string[]): Promise<number> {
  const options = { by: { type: 'string' }, dir: { type: 'string' }, help: { type: 'boolean' } } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [userID, ...others] = positionals;
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (!userID || others.length > 0 || !values.by?.trim()) throw new KysoError('configuration', `usage:\n${usage}`);
  const signer = await operatorPeer(readConfig(values.dir ?? defaultDirectory), 'signer');
  try {
    const { expiresAt } = await signer.call('totpMove.attest', { userID, attestedBy: values.by });
    process.stdout.write(`${userID} may move the authenticator app to the new phone until ${when(expiresAt)}.\n`);
    return 0;
  } finally {
    signer.close();
  }
}
