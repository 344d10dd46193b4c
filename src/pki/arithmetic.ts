/** The primes below `limit`, by the sieve of Eratosthenes. */
export function primesBelow(limit: number): number[] {
  const composite = new Uint8Array(limit);
  const primes: number[] = [];
  for (let candidate = 2; candidate < limit; candidate += 1) {
    if (composite[candidate]) continue;
    primes.push(candidate);
    for (let multiple = candidate * candidate; multiple < limit; multiple += candidate) composite[multiple] = 1;
  }
  return primes;
}

/** The product of all numbers, in halves, so that large factors meet large ones. */
export function product(numbers: readonly bigint[]): bigint {
  if (numbers.length <= 2) return numbers.reduce((all, number) => all * number, 1n);
  const half = numbers.length >> 1;
  return product(numbers.slice(0, half)) * product(numbers.slice(half));
}

/** The integer square root, rounded down, of a number that is not negative (Newton's method from above). */
export function isqrt(number: bigint): bigint {
  if (number < 2n) return number;
  let estimate = 1n << BigInt((number.toString(16).length * 4 + 1) >> 1);
  for (;;) {
    const next = (estimate + number / estimate) >> 1n;
    if (next >= estimate) return estimate;
    estimate = next;
  }
}
