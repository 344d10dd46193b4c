/** A multiset of texts. */
export type Bag = Map<string, number>;

export function bag(texts: Iterable<string>): Bag {
  const counts: Bag = new Map();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

/** What stands more often in `found` than in `allowed`. */
export const beyond = (found: Bag, allowed: Bag): string[] =>
  [...found].filter(([text, times]) => times > (allowed.get(text) ?? 0)).map(([text]) => text);

export function groupBy<T>(all: Iterable<T>, keyOf: (one: T) => string | undefined): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const key = keyOf(one);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return groups;
}
