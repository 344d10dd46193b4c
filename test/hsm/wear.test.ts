import { randomBytes } from 'node:crypto';
import t from 'tap';
import type { KeyTypeName } from '../../src/crypto/algorithms.ts';
import { keyTypes } from '../../src/crypto/algorithms.ts';
import { slices } from '../../src/hsm/slices.ts';
import { wear } from '../../src/hsm/wear.ts';

t.test('a worker is worn when it has grown by 32 MiB since its first thousand tasks, and not before', async (t) => {
  const mebibyte = 1024 * 1024;
  let memory = 50 * mebibyte;
  const isWorn = wear(() => memory);
  const thousand = () => Array.from({ length: 1000 }, isWorn).some(Boolean);
  t.notOk(thousand(), 'whatever it had grown before counts as its size');
  memory = 82 * mebibyte;
  t.notOk(thousand());
  memory += 1;
  t.notOk(isWorn(), 'it is not looked at each time');
  t.ok(thousand());
  memory = 60 * mebibyte;
  t.notOk(thousand(), 'memory that was given back');
});

t.test('S14: slices of a batch are the batch, in its order, and no slice is empty', async (t) => {
  for (const keyType of Object.keys(keyTypes) as KeyTypeName[]) {
    for (const count of [1, 7, 8, 9, 32, 50, 51, 100, 250, 251, 1000]) {
      const batch = Array.from({ length: count }, () => randomBytes(4));
      for (const busy of [false, true]) {
        const parts = slices(keyType, batch, busy);
        t.same(parts.flat(), batch, `${keyType} × ${count}`);
        const lengths = parts.map(({ length }) => length);
        t.ok(Math.min(...lengths) > 0 && Math.max(...lengths) - Math.min(...lengths) < parts.length + 1);
      }
      t.ok(slices(keyType, batch, true).length <= Math.ceil(slices(keyType, batch).length / 2));
    }
  }
});
