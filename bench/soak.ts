/**
 * `npm run soak -- --rounds 1000`: kills each engine's Kyso that often under load, and checks what is left.
 * `npm run soak -- --minutes 30`: signs at full load without kills, and watches memory, sessions and failures.
 * Both take `--engine sqlite|postgresql` (both engines otherwise), `--minutes` also `--holders N`. Exit code 1: missed.
 */
import { parseArgs } from 'node:util';
import type { ConfigFile } from '../src/config.ts';
import { startPostgresql } from '../test/helpers/postgresql.ts';
import { fuzzSeed, randomFrom } from '../test/helpers/random.ts';
import { makeShim } from '../test/helpers/shim.ts';
import { shortDirectory } from '../test/helpers/temp.ts';
import { check } from '../test/kill/checker.ts';
import { startHarness } from '../test/kill/harness.ts';
import { soakAtFullLoad } from './soak-load.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    minutes: { type: 'string' },
    engine: { type: 'string' },
    holders: { type: 'string', default: '40' },
  },
});

/** What a part of a run leaves behind, undone in the reverse order. */
function cleanUp() {
  const handlers: (() => unknown)[] = [];
  return {
    teardown: (handler: () => unknown) => void handlers.unshift(handler),
    async end() {
      for (const handler of handlers) await handler();
    },
  };
}

type Teardown = Pick<ReturnType<typeof cleanUp>, 'teardown'>;
type Store = ConfigFile['store'];

async function storeOf(t: Teardown, engine: string): Promise<Store> {
  if (engine === 'sqlite') return { engine };
  const cluster = await startPostgresql();
  t.teardown(() => cluster.stop());
  const url = await cluster.url();
  return { engine: 'postgresql', signer: url, ca: url, api: url, notify: url };
}

async function soakWithKills(t: Teardown, store: Store, rounds: number): Promise<boolean> {
  const parts = { directory: shortDirectory(t), store, random: randomFrom(fuzzSeed), shim: makeShim(t) };
  const harness = await startHarness(parts);
  t.teardown(() => harness.supervisor().kill('SIGTERM'));
  let round = 0;
  const { facts, failures } = await harness.run(rounds, 50, (what) => {
    round += 1;
    const { authorized, released } = harness.world.history;
    const answered = `${authorized.length} authorizations, ${released.length} signHash`;
    console.log(`${store.engine} ${round}/${rounds}  ${what}  (answered: ${answered})`);
  });
  const findings = [...check(facts), ...failures.map(String)];
  for (const finding of findings) console.log(`  ✗ ${finding}`);
  console.log(`${store.engine}: ${rounds} kills (FUZZ_SEED=${fuzzSeed}), ${findings.length} findings`);
  return findings.length === 0;
}

const engines = values.engine ? [values.engine] : ['sqlite', 'postgresql'];
if ((values.rounds === undefined) === (values.minutes === undefined)) throw new Error('give --rounds N or --minutes N');
let good = true;
for (const engine of engines) {
  const t = cleanUp();
  try {
    const store = await storeOf(t, engine);
    const options = { store, minutes: Number(values.minutes), holders: Number(values.holders) };
    const passed = values.rounds
      ? await soakWithKills(t, store, Number(values.rounds))
      : await soakAtFullLoad(t, options);
    good = passed && good;
  } finally {
    await t.end();
  }
}
process.exitCode = good ? 0 : 1;
