import { AsyncLocalStorage } from 'node:async_hooks';
import { KysoError } from '../../src/base/errors.ts';
import type { SignerStore } from '../../src/store/signer/tables.ts';

/**
 * How a write goes wrong: it never begins; all of it is rolled back at the end; or it is committed, and only the answer
 * is lost on its way.
 */
export type WriteFault = 'refused' | 'rolledBack' | 'answerLost';

const background = new AsyncLocalStorage<true>();

/** Runs `work`; what it starts that goes on by itself never meets a fault, however its writes fall between others. */
export const inBackground = <R>(work: () => R): R => background.run(true, work);

export type FaultyStore = SignerStore & {
  /** Makes the `nth` write of calls from now (1: the next) go wrong. */
  failWrite(nth: number, fault: WriteFault): void;
  /** No write goes wrong any more. */
  mend(): void;
  /** Does something right before the next write of a call begins. */
  beforeWrite(happens: () => Promise<unknown>): void;
  /** Does something when the next write of a call has done its work and is not committed. */
  beforeCommit(happens: () => Promise<unknown>): void;
};

export function faulty(store: SignerStore): FaultyStore {
  const faults: (WriteFault | undefined)[] = [];
  const next: { write?: () => Promise<unknown>; commit?: () => Promise<unknown> } = {};
  const once = (moment: keyof typeof next) => {
    const happens = next[moment];
    delete next[moment];
    return happens;
  };
  const failure = () => new KysoError('unavailable', 'the store did not record the change');
  return {
    ...store,
    failWrite(nth, fault) {
      faults[nth - 1] = fault;
    },
    mend() {
      faults.length = 0;
    },
    beforeWrite(happens) {
      next.write = happens;
    },
    beforeCommit(happens) {
      next.commit = happens;
    },
    async write(work) {
      if (background.getStore()) return store.write(work);
      await once('write')?.();
      const [fault, happens] = [faults.shift(), once('commit')];
      if (fault === 'refused') throw failure();
      const result = await store.write(async (tx) => {
        const value = await work(tx);
        await happens?.();
        if (fault === 'rolledBack') throw failure();
        return value;
      });
      if (fault === 'answerLost') throw failure();
      return result;
    },
  };
}
