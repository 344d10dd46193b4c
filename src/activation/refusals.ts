import { kindOf } from '../base/errors.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import { type Refusals, record, type Signer } from './context.ts';

/** More subscribers than this in one second are somebody's invention: they share one entry. */
const mostEntries = 200;

/**
 * A handler whose refusals are counted: the log gets them by the second and not one by one, so that a flood of bad
 * requests costs no commit each (S58). Factors and failed signatures have entries of their own besides.
 */
export function counting<P extends { subscriber: string }, R>(
  refusals: Refusals,
  event: string,
  handle: (params: P) => Promise<R>,
): (params: P) => Promise<R> {
  return async (params) => {
    try {
      return await handle(params);
    } catch (error) {
      const subscriber = refusals.size < mostEntries ? params.subscriber : 'others';
      const kind = kindOf(error);
      const name = [event, subscriber, kind].join();
      const { count } = refusals.get(name) ?? { count: 0 };
      refusals.set(name, { event, subscriber, kind, count: count + 1 });
      throw error;
    }
  };
}

/** Writes the counts to the log; what could not be written is counted on. */
export async function recordRefusals(signer: Signer): Promise<void> {
  if (signer.refusals.size === 0) return;
  const taken = [...signer.refusals];
  signer.refusals.clear();
  try {
    await signer.store.write((tx: SignerTx) =>
      record(
        signer,
        tx,
        ...taken.map(([, { event, subscriber, kind, count }]) => ({
          ...{ event, actor: 'api', result: 'refused' as const, subscriber, detail: { kind, count } },
        })),
      ),
    );
  } catch (error) {
    for (const [name, tally] of taken) {
      const { count } = signer.refusals.get(name) ?? { count: 0 };
      signer.refusals.set(name, { ...tally, count: tally.count + count });
    }
    throw error;
  }
}
