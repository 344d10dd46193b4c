import { setTimeout as delay } from 'node:timers/promises';
import { generateSync } from 'otplib';
import type { Clock } from '../base/clock.ts';

const period = 30;

/**
 * Plays the holder's authenticator app. The server takes the codes of the step before, this one and the next, each once;
 * this gives the oldest that it has not given yet, so that the current code stays free for others, and waits when all
 * three are used.
 */
export function authenticator(totpSecret: string, clock: Clock, lastUsed = 0) {
  let last = lastUsed;
  return {
    lastStep: () => last,
    async nextCode(onWait?: () => void): Promise<string> {
      const current = () => Math.floor(clock.now() / 1000 / period);
      const step = Math.max(last + 1, current() - 1);
      if (step > current()) onWait?.();
      while (step > current()) await delay(250);
      last = step;
      return generateSync({ secret: totpSecret, period, epoch: step * period });
    },
  };
}
