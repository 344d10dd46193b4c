import { log } from './log.ts';

/** Calls `work` again and again, `pause` milliseconds after the last call ended. `stop` waits for the one under way. */
export function every(pause: number, work: () => Promise<void>): { stop(): Promise<void> } {
  let running = Promise.resolve();
  let timer: NodeJS.Timeout;
  let stopped = false;
  const again = () => {
    if (stopped) return;
    timer = setTimeout(() => {
      running = work()
        .catch((error: unknown) => log('upkeep failed', { error }))
        .then(again);
    }, pause);
  };
  again();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
