/**
 * Keeps what was made for the `most` names asked for last, and makes it again for others. `drop` is told what is
 * forgotten; nobody may hold on to a value beyond the call that asked for it when there is one. What a value is made from
 * is its name, or what is given beside it and must not be kept.
 */
export function recent<V>(
  most: number,
  make: (source: string) => V,
  drop?: (value: V) => void,
): (name: string, source?: string) => V {
  const kept = new Map<string, V>();
  return (name, source = name) => {
    const known = kept.get(name);
    const value = known ?? make(source);
    kept.delete(name);
    kept.set(name, value);
    if (kept.size > most) {
      const [oldest, forgotten] = kept.entries().next().value!;
      kept.delete(oldest);
      drop?.(forgotten);
    }
    return value;
  };
}
