import { type ErrorKind, kindOf } from '../base/errors.ts';
import { forbidCoreDumps } from './core-dumps.ts';
import { log } from './log.ts';

/** The exit code of a process that a restart cannot help (EX_CONFIG): the supervisor does not try again. */
export const unfixable = 78;

/**
 * Milliseconds that a process has to stop by itself when nobody is left to kill it. Less than the wait for a store's
 * lock, so that a supervisor which is started again at once finds the stores free.
 */
const orphanTime = 4_000;

/**
 * Runs the body of a process: tells the supervisor when it is ready, and stops it on SIGTERM or when the supervisor is
 * gone, also while it starts. Ctrl-C reaches all processes of a terminal at once; the children leave it to the supervisor
 * to stop them in order, while a process that runs alone stops.
 */
export async function runProcess(name: string, start: () => Promise<{ stop(): Promise<void> }>): Promise<void> {
  process.title = `kyso ${name}`;
  forbidCoreDumps();
  let stop = async () => {};
  let ending = false;
  const end = async () => {
    if (ending) return;
    ending = true;
    await stop().catch((error: unknown) => log('stop failed', { name, error }));
    process.exit(0);
  };
  process.once('disconnect', () => {
    setTimeout(() => process.exit(1), orphanTime).unref();
    void end();
  });
  if (process.connected) process.on('SIGINT', () => {});
  try {
    ({ stop } = await start());
    process.on('SIGTERM', end);
    if (process.connected) process.send?.({ ready: name });
    else process.on('SIGINT', end);
  } catch (error) {
    log('start failed', { name, error });
    const final: ErrorKind[] = ['configuration', 'tokenPinRefused', 'busy'];
    process.exit(final.includes(kindOf(error)) ? unfixable : 1);
  }
}
