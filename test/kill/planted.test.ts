import t from 'tap';
import { randomFrom } from '../helpers/random.ts';
import { makeShim } from '../helpers/shim.ts';
import { shortDirectory } from '../helpers/temp.ts';
import { check } from './checker.ts';
import { startHarness } from './harness.ts';

/** What the checker must say of each fault in plants.ts; other sentences may follow from it. */
const planted: Record<string, RegExp[]> = {
  commitSkipped: [/not recorded as released/, /nobody intended|before the intent|more often than intended/],
  rowUnspent: [/^authorization .*: 0 hashes are spent, \d+ were intended$/],
  leafDropped: [
    /^signer: the log of \d+ has gaps/,
    /^signing .* is released, and the log says of it: (intended|done)$/,
  ],
};

for (const [fault, findings] of Object.entries(planted)) {
  t.test(`S66, S91: the checker breaks on a planted fault: ${fault}`, async (t) => {
    const nodeOptions = [`--import=${new URL(`plants.ts?fault=${fault}`, import.meta.url)}`];
    const parts = { directory: shortDirectory(t), random: randomFrom(1), shim: makeShim(t), nodeOptions };
    const harness = await startHarness({ ...parts, store: { engine: 'sqlite' } });
    t.teardown(() => harness.supervisor().kill('SIGTERM'));
    const { facts } = await harness.run(0, 25);
    const said = check(facts);
    for (const finding of findings) {
      t.ok(
        said.some((sentence) => finding.test(sentence)),
        `${finding} in: ${said.slice(0, 5).join('; ')}`,
      );
    }
  });
}
