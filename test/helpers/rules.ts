import type { Test } from 'tap';
import { onBothEngines, type Stores } from './stores.ts';

/** Shows each named rule on SQLite and on PostgreSQL; all of them share one cluster, whose start takes seconds. */
export async function rulesOnBothEngines(
  t: Test,
  rules: Record<string, (t: Test, stores: Stores) => Promise<void>>,
): Promise<void> {
  await onBothEngines(t, async (t, stores) => {
    for (const [rule, show] of Object.entries(rules)) await t.test(rule, (t) => show(t, stores));
  });
}
