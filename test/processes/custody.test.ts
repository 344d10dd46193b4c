import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readShare } from '../../src/crypto/shares.ts';
import { assertCustody, custodyInFiles } from '../../src/processes/custody.ts';
import { refused } from '../helpers/refused.ts';

const service = { mode: 'service' } as const;
const sandbox = { mode: 'sandbox' } as const;

t.test('S17: outside the sandbox nobody alone holds what restores the keys, and there is a backup', async (t) => {
  const custody = (threshold: number) => ({ shares: 3, threshold, deliver: async () => undefined });
  t.throws(() => assertCustody(service, 'none'), refused('configuration'));
  t.throws(() => assertCustody(service, custody(1)), refused('configuration'));
  t.doesNotThrow(() => assertCustody(service, custody(2)));
  t.doesNotThrow(() => assertCustody(sandbox, 'none'), 'a sandbox plays all roles');
  t.doesNotThrow(() => assertCustody(sandbox, custody(1)));
});

t.test('S17: each share is a file of its own, which only its maker reads, and none is written over', async (t) => {
  const directory = join(t.testdir(), 'shares');
  const custody = custodyInFiles(directory, 3, 2);
  const share = (index: number) => ({
    ceremony: '0123456789abcdef',
    index,
    threshold: 2,
    value: Buffer.alloc(32, index),
  });
  for (const index of [1, 2]) await custody.deliver(share(index));
  t.same(readdirSync(directory).sort(), ['share-1.txt', 'share-2.txt']);
  for (const index of [1, 2]) {
    const file = join(directory, `share-${index}.txt`);
    t.equal(statSync(file).mode & 0o077, 0);
    t.same(readShare(readFileSync(file, 'utf8'), file), share(index));
  }
  await t.rejects(custody.deliver(share(1)), refused('configuration'));
});
