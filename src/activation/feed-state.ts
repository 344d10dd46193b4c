import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import type { FeedPayload, SignedFeed } from '../ipc/feed.ts';
import { feedEvidence, type Relied } from './relied.ts';

type Heartbeat = Extract<FeedPayload, { type: 'heartbeat' }>;

/** How old the newest word of ca may be, in milliseconds, before the signer stops signing (design §5). */
const bound = 10_000;

/** How far the orders of ca were applied: the number of the newest, and the hash of its text. */
export type FeedPlace = { number: number; head: string };

/** A place as it stands in the settings. */
export const formatPlace = ({ number, head }: FeedPlace): string => `${number} ${head}`;

/** Reads what formatPlace wrote; before the first order there is none. */
export function parsePlace(text: string | undefined): FeedPlace {
  const [number = '0', head = ''] = (text ?? '').split(' ');
  return { number: Number(number), head };
}

/** What the signer knows of ca's status feed at this moment. */
export type FeedState = {
  /** The newest order that is applied and durable. */
  place(): FeedPlace;
  applied(place: FeedPlace): void;
  /** A heartbeat whose signature was checked: `number` is the newest order that exists, `at` ca's clock. */
  heard(heartbeat: Pick<Heartbeat, 'beat' | 'number' | 'at'>, message: SignedFeed): void;
  /** The heartbeat that what is signed now relies on. */
  word(): Relied;
  /** Milliseconds since ca sent the last heartbeat that showed the feed complete; undefined before the first. */
  age(): number | undefined;
  isFresh(): boolean;
  /** @throws KysoError feedStale — no fresh heartbeat, or orders are missing: revocations might be among them */
  assertFresh(): void;
};

export function feedState(clock: Clock, place: FeedPlace): FeedState {
  let current = place;
  let lastBeat = 0;
  let completeAt: number | undefined;
  let announced = place.number;
  let word: Relied | undefined;

  const age = () => (completeAt === undefined ? undefined : clock.monotonic() - completeAt);
  const complete = () => announced <= current.number;
  const isFresh = () => {
    const since = age();
    return since !== undefined && since <= bound && complete();
  };
  return {
    place: () => current,
    age,
    isFresh,
    word() {
      if (!word) throw new KysoError('feedStale', 'the status feed of ca was not heard yet');
      return word;
    },
    applied(place) {
      if (place.number > current.number) current = place;
    },
    heard({ beat, number, at }, message) {
      // An old heartbeat, played again, must not make the feed look fresh.
      if (beat <= lastBeat || Math.abs(clock.now() - at) > bound) return;
      lastBeat = beat;
      announced = number;
      // Its age begins where ca said it, not where it arrived.
      if (!complete()) return;
      completeAt = clock.monotonic() - Math.max(0, clock.now() - at);
      word = feedEvidence(message);
    },
    assertFresh() {
      const since = age();
      if (since === undefined || since > bound || !complete())
        throw new KysoError('feedStale', 'the status feed of ca is not current');
    },
  };
}
