import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessName } from '../../src/processes/users.ts';

/** `process` dies itself; the whole `group` with the supervisor; or only a token `worker` of the process. */
export type How = 'process' | 'group' | 'worker';

/** Which process is stopped, when it reaches which failpoint for the `nth` time since it was armed. */
export type Armed = { round: number; process: ProcessName; point: string; nth: number; how: How };

/** Where the failpoints are (S89), by the process that passes them. */
export const failpoints = {
  signer: [
    ...['authorize.codeClaimed', 'pin.counted', 'authorize.pinRight', 'authorize.recorded'],
    ...['sign.spent', 'sign.made', 'sign.recorded'],
    ...['activation.counted', 'activation.halvesRight', 'activation.begun'],
    ...['activation.codeClaimed', 'activation.completed'],
    ...['key.generated', 'order.prepared', 'order.applied'],
    ...['store.uncommitted', 'store.committed'],
  ],
  ca: [
    ...['line.accepted', 'order.signed', 'order.answered', 'key.attested'],
    ...['certificate.intended', 'certificate.signed', 'certificate.issued', 'certificate.delivered'],
    ...['store.uncommitted', 'store.committed'],
  ],
  api: ['activation.passed', 'login.enrolled', 'store.uncommitted', 'store.committed'],
} as const satisfies Partial<Record<ProcessName, readonly string[]>>;

/** The directory in which harness and processes meet; every one of their users may write there. */
export function arming(directory: string) {
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  const file = join(directory, 'armed');
  return {
    /** For startServe: loads `inside.ts` in every process. */
    nodeOptions: [`--import=${new URL(`inside.ts?control=${directory}`, import.meta.url)}`],
    arm(armed: Armed): void {
      writeFileSync(`${file}.new`, JSON.stringify(armed), { mode: 0o644 });
      renameSync(`${file}.new`, file);
    },
    hasFired: (round: number) => existsSync(join(directory, `fired-${round}`)),
    disarm: () => rmSync(file, { force: true }),
  };
}
