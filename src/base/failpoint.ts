type Hit = (name: string) => Promise<void> | void;

let hit: Hit | undefined;

/**
 * A named place at which a test can stop or kill this process, to show that it is safe to lose power there (S89).
 * Nothing in Kyso ever sets one: only code that a test loads before it (`node --import`) does, so a place costs one
 * comparison and no configuration reaches it.
 */
export function failpoint(name: string): Promise<void> | undefined {
  return hit && Promise.resolve(hit(name));
}

/** What happens at each place from now on. For tests. */
export function setFailpoints(handler: Hit | undefined): void {
  hit = handler;
}
