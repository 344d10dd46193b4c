/**
 * Keeps what was made for the `most` names asked for last, and makes it again for others. `drop` is told what is
 * forgotten; nobody may hold on to a value beyond the call that asked for it when there is one.
 */
export function recent<V>(most: number, make: (name: string) => V, drop?: (value: V) => void): (name: string) => V {
  const kept = new Map<string, V>();
  return (name) => {
    const known = kept.get(name);
    const value = known ?? make(name);
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
