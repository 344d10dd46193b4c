import { KysoError } from '../base/errors.ts';
import type { InitCa } from './ca-init.ts';
import type { RestoreCa } from './ca-restore.ts';

/** What the processes' room has for these commands; loaded for those that need it. */
export type CaTools = () => Promise<InitCa & RestoreCa>;

/** `kyso ca SUBCOMMAND`. */
export async function ca(step: string, args: string[], tools: CaTools): Promise<number> {
  switch (step) {
    case 'init':
      return (await import('./ca-init.ts')).caInit(args, await tools());
    case 'rollover':
      return (await import('./ca-rollover.ts')).caRollover(args);
    case 'backup':
      return (await import('./installation-backup.ts')).installationBackup('ca', args);
    case 'restore':
      return (await import('./ca-restore.ts')).caRestore(args, await tools());
    case 'revoke':
    case 'hold':
    case 'release':
    case 'certificates':
    case 'crls':
      return (await import('./ca-revoke.ts')).caRevocation(step, args);
    case 'organisation':
      return (await import('./ca-organisation.ts')).caOrganisation(args);
    case 'officer':
      return (await import('./ca-officer.ts')).caOfficer(args);
    case 'order':
      return (await import('./ca-order.ts')).caOrder(args);
    case 'check':
      return (await import('./ca-check.ts')).caCheck(args);
    case 'external':
      return (await import('./ca-external.ts')).caExternal(args);
    default:
      throw new KysoError('configuration', `there is no step ${step}; see kyso help`);
  }
}
