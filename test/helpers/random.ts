/** Random choices that a seed repeats. */
export type Random = {
  /** 0 to below `count`. */
  below(count: number): number;
  pick<T>(from: readonly T[]): T;
  /** True once in `times`. */
  once(times: number): boolean;
  bytes(length: number): Buffer;
};

/** Mulberry32: small, and good enough to choose test cases. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (count: number) => Math.floor(next() * count);
  return {
    below,
    pick: (from) => from[below(from.length)]!,
    once: (times) => below(times) === 0,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}

/** The seed of this run: FUZZ_SEED, or a new one each time. */
export const fuzzSeed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 1_000_000_000));
/** Random cases of this run: FUZZ_ROUNDS, or as many as fit into a test of some seconds. */
export const fuzzRounds = Number(process.env.FUZZ_ROUNDS ?? 1000);
