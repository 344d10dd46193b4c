import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { catcherPorts, pathsOf } from '../config.ts';
import { startCatcher } from '../notify/catcher.ts';
import { caughtMessages } from '../notify/caught.ts';
import { type Boot, requireSecret } from './boot.ts';

/** Only in a sandbox: takes the messages that notify sends, in the place of everybody's mailbox and phone. */
export async function startCatcherProcess(boot: Boot) {
  const { config } = boot;
  const own = pathsOf(config).own('catcher');
  mkdirSync(own, { recursive: true, mode: 0o700 });
  const key = requireSecret(boot, 'catcher-key').toString();
  return startCatcher({ ports: catcherPorts(config), key, messages: caughtMessages(join(own, 'messages.jsonl')) });
}
