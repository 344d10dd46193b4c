import { type ErrorKind, kindOf } from '../base/errors.ts';
import { log } from './log.ts';

/** The exit code of a process that a restart cannot help (EX_CONFIG): the supervisor does not try again. */
export const unfixable = 78;

/**
 * Runs the body of a process: tells the supervisor when it is ready, and stops it on SIGTERM or when the supervisor is
 * gone. Ctrl-C reaches all processes of a terminal at once; the children leave it to the supervisor to stop them in order.
 */
export async function runProcess(name: string, start: () => Promise<{ stop(): Promise<void> }>): Promise<void> {
  process.title = `kyso ${name}`;
  process.on('SIGINT', () => {});
  try {
    const { stop } = await start();
    const end = async () => {
      await stop().catch((error: unknown) => log('stop failed', { name, error }));
      process.exit(0);
    };
    process.once('SIGTERM', end);
    process.once('disconnect', end);
    process.send?.({ ready: name });
  } catch (error) {
    log('start failed', { name, error });
    const final: ErrorKind[] = ['configuration', 'tokenPinRefused', 'busy'];
    process.exit(final.includes(kindOf(error)) ? unfixable : 1);
  }
}
