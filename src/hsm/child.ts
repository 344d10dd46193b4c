import { type ChildProcess, fork, type Serializable } from 'node:child_process';
import { gettingOn } from './protocol.ts';

/**
 * Starts an entry of this room in a process of its own. `environment` is all it sees of one; what it needs to know
 * beyond comes as a message, since arguments and environment can be read by others.
 */
export function forkEntry(entry: string, environment: Record<string, string>): ChildProcess {
  const child = fork(new URL(entry, import.meta.url), {
    env: environment,
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return child.on('error', () => {}); // a channel that closes shows as 'disconnect'
}

/** Resolves when the process is gone, or could not be started in the first place. */
export function endOf(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/**
 * Sends a message and waits for the next one. Answers a word instead when the child ended first, or when it was
 * killed because `deadline` milliseconds passed without a sign that it gets on: to kill it is the only way to end a
 * PKCS#11 call that hangs.
 */
export function exchange<Answer>(
  child: ChildProcess,
  message: Serializable,
  deadline: number,
): Promise<Answer | 'died' | 'hung'> {
  return new Promise((resolve) => {
    const onDisconnect = () => settle('died');
    const onMessage = (answer: unknown) => (answer === gettingOn ? timer.refresh() : settle(answer as Answer));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      settle('hung');
    }, deadline);
    // 'disconnect' and not 'exit', which may overtake the last message
    child.once('disconnect', onDisconnect).on('message', onMessage);
    child.send(message, (error) => {
      if (error) onDisconnect();
    });

    function settle(answer: Answer | 'died' | 'hung'): void {
      clearTimeout(timer);
      child.off('disconnect', onDisconnect).off('message', onMessage);
      resolve(answer);
    }
  });
}
