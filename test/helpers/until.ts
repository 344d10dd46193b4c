import { setTimeout as delay } from 'node:timers/promises';

/** Waits for a condition that other parts of the process bring about; throws when it does not come in ten seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; !(await condition()); attempt += 1) {
    if (attempt === 2000) throw new Error(`never came: ${condition}`);
    await delay(5);
  }
}
