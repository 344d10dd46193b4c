import { setTimeout as delay } from 'node:timers/promises';
import { generateSync } from 'otplib';
import type { Clock } from '../base/clock.ts';

const period = 30;
/** Seconds that a code may be on its way to a busy server. */
const margin = 8;

/**
 * Plays the holder's authenticator app. The server takes the codes of the step before, this one and the next, each once;
 * this gives the oldest that it has not given yet, so that the current code stays free for others, and waits only when
 * all three are used. In the last seconds of a step the one before is left alone: it could end on the way.
 */
export function authenticator(totpSecret: string, clock: Clock, lastUsed = 0) {
  let last = lastUsed;
  const seconds = () => clock.now() / 1000;
  const newest = () => Math.floor(seconds() / period) + 1;
  return {
    lastStep: () => last,
    async nextCode(onWait?: () => void): Promise<string> {
      const oldest = Math.floor((seconds() + margin) / period) - 1;
      const step = Math.max(last + 1, oldest);
      if (step > newest()) onWait?.();
      while (step > newest()) await delay(250);
      last = step;
      return generateSync({ secret: totpSecret, period, epoch: step * period });
    },
  };
}
