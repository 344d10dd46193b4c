import { median } from './statistics.ts';

/** What one kind of request takes, try by try, in milliseconds. */
export type Times = Record<string, number[]>;

/**
 * Tries each kind `rounds` times, one request at a time. In every round all kinds take their turn in another order, so
 * that whatever else the machine does falls on all of them alike.
 */
export async function interleaved(rounds: number, kinds: Record<string, () => Promise<unknown>>): Promise<Times> {
  const names = Object.keys(kinds);
  const times: Times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    for (const name of shuffled(names)) {
      const start = performance.now();
      await kinds[name]?.();
      // The first round only warms up.
      if (round >= 0) times[name]?.push(performance.now() - start);
    }
  }
  return times;
}

/** What issue 3 asks for: medians within 5 ms or 2 % of each other. */
const bound = { milliseconds: 5, percent: 2 } as const;

/** Prints the medians, each with its distance from the smallest; true when the largest distance keeps the bound. */
export function report(title: string, times: Times): boolean {
  const medians = Object.entries(times).map(([name, all]) => ({ name, median: median(all), tries: all.length }));
  const least = Math.min(...medians.map((one) => one.median));
  const most = Math.max(...medians.map((one) => one.median));
  console.log(`\n${title}`);
  for (const { name, median, tries } of medians) {
    const apart = median - least;
    const percent = (100 * apart) / least;
    console.log(
      `  ${name.padEnd(22)}${median.toFixed(3).padStart(10)} ms   +${apart.toFixed(3)} ms   +${percent.toFixed(2)} %   (${tries} tries)`,
    );
  }
  const good = most - least <= bound.milliseconds || most - least <= (least * bound.percent) / 100;
  console.log(`  ${good ? 'within' : 'NOT WITHIN'} ${bound.milliseconds} ms or ${bound.percent} %`);
  return good;
}

function shuffled<T>(values: T[]): T[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
