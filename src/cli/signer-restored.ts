import { parseArgs } from 'node:util';
import { systemClock } from '../base/clock.ts';
import { type Config, readConfig } from '../config.ts';
import { onTerminal } from './dialogue.ts';
import { defaultDirectory } from './options.ts';
import { when } from './plain.ts';

const usage = `kyso signer restored [--dir DIR]

For a stopped signer that refuses to start, since its store is older than the one that was there, or has seen a time that is
not yet. Says that this store counts from now on: a new epoch begins, in which every SAD, one-time code and login from
before is void, and time is what the clock says. Set the clock first. Asks before it does anything.
`;

type Facts = { leaves: number; orders: number; at: number };
export type DeclareRestored = (config: Config, confirm: (store: Facts) => Promise<boolean>) => Promise<boolean>;

/** `kyso signer restored`: the operator's word that this store, as it is, counts from now on (S69). */
export async function signerRestored(args: string[], declare: DeclareRestored): Promise<number> {
  const { values } = parseArgs({ args, options: { dir: { type: 'string' }, help: { type: 'boolean' } } });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const dialogue = onTerminal();
  const done = await declare(readConfig(values.dir ?? defaultDirectory), async ({ leaves, orders, at }) => {
    dialogue.print(`This store has ${leaves} log entries and ${orders} orders of ca.`);
    dialogue.print(`It last saw ${at === 0 ? 'no time yet' : when(at)}; the clock says ${when(systemClock.now())}.`);
    dialogue.print('Keys, PINs and freezes that are newer than it are lost. Revocations come from ca again.');
    const answer = await dialogue.answers.ask({ vi: 'Gõ "restored" để xác nhận', en: 'type "restored" to confirm' });
    return answer.trim() === 'restored';
  }).finally(() => dialogue.answers.close());
  dialogue.print(done ? 'kyso signer restored: a new epoch begins with the next start' : 'Nothing was changed.');
  return done ? 0 : 1;
}
