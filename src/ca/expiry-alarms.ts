import type { Clock } from '../base/clock.ts';
import type { CaAuthority, Pki } from './authorities.ts';
import { partsOfId } from './kinds.ts';

/** How many days before the end of an authority, a responder or a time-stamping unit there is an alarm (S85); 0: it has come. */
export const thresholds = [90, 30, 7, 0] as const;

const day = 86_400_000;

/** What ends within 90 days or has ended, and is what Kyso works with: nothing has taken its place. */
export type Expiring = {
  id: string;
  notAfter: number;
  /** The newest threshold that it has passed. */
  threshold: (typeof thresholds)[number];
  /** What mends it. */
  rollover: string;
};

/** Each that has no successor with a later end, soonest first; no responder of what has ended, about which nobody asks. */
export function expiring(all: readonly CaAuthority[], now: number): Expiring[] {
  return all
    .filter((each) => !all.some((other) => succeeds(other, each)) && !all.some((other) => outlives(each, other, now)))
    .flatMap(({ id, notAfter }) => {
      const threshold = thresholds.findLast((days) => notAfter - now < days * day);
      return threshold === undefined ? [] : [{ id, notAfter, threshold, rollover: partsOfId(id).kind }];
    })
    .sort((a, b) => a.notAfter - b.notAfter);
}

/** A responder takes the place of one of the same issuer only: that one is asked about until all it issued has ended. */
function succeeds(other: CaAuthority, { id, role, issuer, notAfter }: CaAuthority): boolean {
  const [own, theirs] = [partsOfId(id), partsOfId(other.id)];
  const sameDuty = own.kind === theirs.kind && (role !== 'ocsp' || issuer === other.issuer);
  return sameDuty && theirs.number > own.number && other.notAfter > notAfter;
}

/** A responder of an issuing authority that has ended gets no successor: everything it could be asked about has ended. */
function outlives({ role, issuer }: CaAuthority, { id, notAfter }: CaAuthority, now: number): boolean {
  return role === 'ocsp' && issuer === id && notAfter < now;
}

export type ExpiryAlarms = {
  /** Raises each alarm that is due and was not raised before in this life of the process. */
  check(): void;
  /** What stands in the status. */
  list(): Expiring[];
};

/** @param raise told once of each threshold that something passes; at start, of the newest one */
export function expiryAlarms(pki: Pki, clock: Clock, raise: (alarm: Expiring) => void): ExpiryAlarms {
  const raised = new Map<string, number>();
  const list = () => expiring(pki.all(), clock.now());
  return {
    list,
    check() {
      for (const alarm of list()) {
        if ((raised.get(alarm.id) ?? Number.POSITIVE_INFINITY) <= alarm.threshold) continue;
        raised.set(alarm.id, alarm.threshold);
        raise(alarm);
      }
    },
  };
}
