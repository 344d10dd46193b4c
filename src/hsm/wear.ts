/** How much a worker may grow, in bytes. */
const tolerance = 32 * 1024 * 1024;
/** Tasks between two looks, and before the first, when everything is loaded that will be. */
const every = 1000;

/**
 * Libraries leak: SoftHSM 2.6 loses a third of a kilobyte with each key that it unwraps. Called once for each task; true
 * when this process has grown so much that another should take its place.
 * @param memory resident memory of the process in bytes
 */
export function wear(memory: () => number = process.memoryUsage.rss): () => boolean {
  let tasks = 0;
  let settled: number | undefined;
  return () => {
    tasks += 1;
    if (tasks % every !== 0) return false;
    const now = memory();
    settled ??= now;
    return now > settled + tolerance;
  };
}
