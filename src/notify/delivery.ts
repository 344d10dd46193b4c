import { kindOf } from '../base/errors.ts';
import type { Result } from '../ipc/contract.ts';
import type { NotifyContract, OutboundMessage } from '../ipc/notify-contract.ts';
import { storeFailure } from '../store/failure.ts';
import { bell } from './bell.ts';
import { atOnce, type Carrier, DeliveryFailure } from './carrier.ts';
import { type Claim, lease, type Outbox } from './outbox.ts';
import { render } from './templates.ts';

type Channel = OutboundMessage['channel'];

/** Milliseconds between two looks for messages when nobody rings, and between two rounds of expiring and wiping. */
const [look, round] = [500, 1_000];
/** Milliseconds of one try. Shorter than the lease, so that nobody else takes a message that is being delivered. */
const longestTry = lease - 15_000;
/** Milliseconds for tries in progress when the process stops. */
const grace = 2_000;

/** What the operator is told: ids and codes, never an address or a text. `final`: this message will not go out. */
export type Trouble = { id?: string; trouble: string; final: boolean; error?: unknown };

export type DeliveryParts = {
  outbox: Outbox;
  /** Messages of a channel without a carrier wait, and the status says why. */
  carriers: Partial<Record<Channel, Carrier>>;
  /** Told of each message that will not go out, and of anything else once for each change of the reason. */
  onTrouble(what: Trouble): void;
};

export type DeliveryLoop = {
  /** There may be something to deliver. */
  wake(): void;
  status(): Promise<Pick<Result<NotifyContract, 'status'>, 'waiting' | 'delayed' | 'trouble'>>;
  /** Takes no further message, gives tries in progress two seconds, and puts back what they did not finish. */
  stop(): Promise<void>;
};

/**
 * Delivers what is due until it is stopped; each message at least once, and again only when a try failed or its taker
 * died between the other side's "yes" and our commit of it. A channel that hangs holds up no other.
 */
export function startDelivery({ outbox, carriers, onTrouble }: DeliveryParts): DeliveryLoop {
  const abandon = new AbortController();
  const bells: ReturnType<typeof bell>[] = [];
  let stopping = false;
  /** What a former life erased may still be in the store's log. */
  let erased = true;

  /** Does `work` again and again, with pauses; its failures are the store's. */
  async function repeat(pause: number, work: () => Promise<void>): Promise<void> {
    const own = bell();
    bells.push(own);
    const report = onChange(onTrouble);
    while (!stopping) {
      await work().then(report.well, (thrown: unknown) => {
        const error = storeFailure(thrown);
        report.trouble({ trouble: kindOf(error), final: false, error });
      });
      if (!stopping) await own.wait(pause);
    }
  }

  async function deliverAll(channel: Channel, carrier: Carrier): Promise<void> {
    const busy = new Set<Promise<void>>();
    const report = onChange(onTrouble);
    await repeat(look, async () => {
      for (;;) {
        if (busy.size === atOnce) await Promise.race(busy);
        const due = await outbox.due(channel, atOnce - busy.size);
        if (due.length === 0 || stopping) return;
        for (const claim of await Promise.all(due.map((id) => outbox.claim(id)))) {
          if (!claim) continue;
          const one: Promise<void> = attempt(carrier, claim, report).finally(() => busy.delete(one));
          busy.add(one);
        }
      }
    });
    await Promise.all(busy);
  }

  /** One try, and what it came to. If that cannot be recorded, the message is due again when its lease is over. */
  async function attempt(carrier: Carrier, claim: Claim, report: Report): Promise<void> {
    const { id } = claim;
    const outcome = await deliver(carrier, claim).catch(failureOf);
    try {
      if (!(outcome instanceof DeliveryFailure)) {
        report.well();
        await outbox.end(claim, 'sent', { receipt: outcome.receipt });
        erased = true;
      } else if (outcome.permanent) {
        onTrouble({ id, trouble: outcome.trouble, final: true });
        await outbox.end(claim, 'failed', { trouble: outcome.trouble });
        erased = true;
      } else if (abandon.signal.aborted) await outbox.release(claim);
      else {
        const { trouble, cause } = outcome;
        report.trouble({ id, trouble, final: false, ...(trouble === unknown && { error: cause }) });
        await outbox.postpone(claim, trouble);
      }
    } catch (error) {
      report.trouble({ id, trouble: 'outcome not recorded', final: false, error });
    }
  }

  async function deliver(carrier: Carrier, claim: Claim): ReturnType<Carrier['deliver']> {
    const message = outbox.read(claim);
    const clock = new AbortController();
    const timer = setTimeout(() => clock.abort(), longestTry);
    const giveUp = () => clock.abort();
    abandon.signal.addEventListener('abort', giveUp);
    try {
      return await carrier.deliver({ id: claim.id, to: message.to, ...render(message) }, clock.signal);
    } finally {
      clearTimeout(timer);
      abandon.signal.removeEventListener('abort', giveUp);
    }
  }

  async function upkeep(): Promise<void> {
    for (const id of await outbox.expire()) {
      onTrouble({ id, trouble: 'expired', final: true });
      erased = true;
    }
    if (!erased) return;
    erased = false;
    await outbox.wipe().catch((error: unknown) => {
      erased = true;
      throw error;
    });
  }

  const entries = Object.entries(carriers) as [Channel, Carrier][];
  const running = Promise.all([
    ...entries.map(([channel, carrier]) => deliverAll(channel, carrier)),
    repeat(round, upkeep),
  ]);
  return {
    wake() {
      for (const { ring } of bells) ring();
    },
    async status() {
      const channels = await outbox.waiting();
      const waiting = channels.reduce((sum, { waiting }) => sum + waiting, 0);
      const closed = channels.find(({ channel }) => carriers[channel as Channel] === undefined);
      const trouble = closed
        ? `no way out for ${closed.channel} is configured`
        : channels.find(({ trouble }) => trouble !== undefined)?.trouble;
      return { waiting, delayed: trouble !== undefined, ...(trouble !== undefined && { trouble }) };
    },
    async stop() {
      stopping = true;
      for (const { ring } of bells) ring();
      const timer = setTimeout(() => abandon.abort(), grace);
      await running;
      clearTimeout(timer);
      for (const [, carrier] of entries) carrier.close();
    },
  };
}

const unknown = 'does not open or render';

/** What is not the other side's failure is ours: a message sealed under another `outbox-key`. It may be put right. */
function failureOf(error: unknown): DeliveryFailure {
  return error instanceof DeliveryFailure ? error : new DeliveryFailure(unknown, false, { cause: error });
}

type Report = { well(): void; trouble(what: Trouble): void };

/** Passes a trouble on when it is another one than before: a server that is away for a day is one line, not thousands. */
function onChange(tell: (what: Trouble) => void): Report {
  let last: string | undefined;
  return {
    well() {
      last = undefined;
    },
    trouble(what) {
      if (what.trouble !== last) tell(what);
      last = what.trouble;
    },
  };
}
