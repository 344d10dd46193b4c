import type { Clock } from '../../base/clock.ts';

/** What anybody may ask of a token without a login; see `allowances`. True: it may be asked, and is counted. */
export type Allowance = (source: string) => boolean;

/** How many sources are remembered; the one that asked longest ago is forgotten first. */
const most = 10_000;

/**
 * Lets each source ask `burst` times at once and then `perSecond` times a second, in the mean. Kept in memory: after a
 * restart everybody begins anew.
 */
export function allowance(clock: Clock, { burst, perSecond }: { burst: number; perSecond: number }): Allowance {
  const sources = new Map<string, { left: number; at: number }>();
  return (source) => {
    const now = clock.monotonic();
    const last = sources.get(source) ?? { left: burst, at: now };
    const left = Math.min(burst, last.left + ((now - last.at) * perSecond) / 1000);
    sources.delete(source);
    sources.set(source, { left: left < 1 ? left : left - 1, at: now });
    if (sources.size > most) sources.delete(sources.keys().next().value ?? '');
    return left >= 1;
  };
}
