import { isConflict } from '../store/failure.ts';

/**
 * A write that loses a race against others who enter the same person, line or list at the same time, one after the other:
 * tried again, each can be found.
 */
export async function atLast<Result>(write: () => Promise<Result>): Promise<Result> {
  for (let conflicts = 0; ; conflicts += 1) {
    try {
      return await write();
    } catch (error) {
      if (!isConflict(error) || conflicts === 2) throw error;
    }
  }
}
