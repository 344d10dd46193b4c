import { parseArgs } from 'node:util';
import { receiveBoot } from './boot.ts';
import { runProcess } from './lifecycle.ts';
import type { ProcessName } from './users.ts';

/** `kyso api|signer|ca|notify|catcher`: runs one process, under the supervisor or alone (systemd, a container of its own). */
export async function run(name: ProcessName, args: string[]): Promise<undefined> {
  const { values } = parseArgs({ args, options: { dir: { type: 'string' } } });
  await runProcess(name, async () => {
    const boot = await receiveBoot(name, values.dir);
    switch (name) {
      case 'api':
        return (await import('./api.ts')).startApiProcess(boot);
      case 'signer':
        return (await import('./signer.ts')).startSignerProcess(boot);
      case 'ca':
        return (await import('./ca.ts')).startCaProcess(boot);
      case 'notify':
        return (await import('./notify.ts')).startNotifyProcess(boot);
      case 'catcher':
        return (await import('./catcher.ts')).startCatcherProcess(boot);
    }
  });
}
