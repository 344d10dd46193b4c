import { setTimeout as delay } from 'node:timers/promises';
import { message, open } from './http.ts';

/** Asks `GET /health/live` all the time, twenty times a second, on a connection of its own. */
export async function watchLive(port: number) {
  const connection = await open(port);
  const request = message('/health/live', undefined);
  let times: number[] = [];
  let stopped = false;
  const running = (async () => {
    while (!stopped) {
      const start = performance.now();
      await connection.send(request);
      times.push(performance.now() - start);
      await delay(50);
    }
  })().catch(() => {});
  return {
    /** Milliseconds of the calls since the last time. */
    take(): number[] {
      const taken = times;
      times = [];
      return taken;
    },
    async stop() {
      stopped = true;
      await running;
      connection.close();
    },
  };
}
