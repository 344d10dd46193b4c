import type { Test } from 'tap';
import type { ConfigFile } from '../../src/config.ts';
import { fuzzSeed, randomFrom } from '../helpers/random.ts';
import { makeShim } from '../helpers/shim.ts';
import { shortDirectory } from '../helpers/temp.ts';
import { failpoints } from './arming.ts';
import { check } from './checker.ts';
import { startHarness } from './harness.ts';

/** Rounds of this run: KILL_ROUNDS, or as many as fit into a minute of tests. */
const rounds = Number(process.env.KILL_ROUNDS ?? 50);

/** S66, S89, S91: kills Kyso at every failpoint and at random moments, and has the checker decide. */
export async function killRounds(t: Test, store: ConfigFile['store'], crashStore?: () => Promise<void>): Promise<void> {
  t.comment(`FUZZ_SEED=${fuzzSeed}`);
  const options = { directory: shortDirectory(t), store, random: randomFrom(fuzzSeed), shim: makeShim(t) };
  const harness = await startHarness({ ...options, ...(crashStore && { crashStore }) });
  t.teardown(() => harness.supervisor().kill('SIGTERM'));
  const { facts, reached, failures } = await harness.run(rounds, 50, (what) => t.comment(what));

  t.same(check(facts), [], `0 lost, 0 doubled, 0 unrecorded after ${rounds} kills`);
  t.same(failures, [], 'and the clients met nothing that a kill does not explain');
  const all = Object.entries(failpoints).flatMap(([process, points]) => points.map((point) => `${process} ${point}`));
  const missed = all.filter((place) => !reached.has(place));
  if (rounds >= 50) t.same(missed, [], 'every failpoint was one at which something died');
  t.ok(facts.token.length >= facts.history.released.length, "the token's own log was read");
}
