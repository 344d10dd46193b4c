/** Where time comes from. Tests hand in their own; nothing else of Kyso reads the system's clock. */
export type Clock = {
  /** Wall-clock time in epoch milliseconds. */
  now(): number;
  /** Milliseconds that never step back, from an arbitrary origin. */
  monotonic(): number;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
