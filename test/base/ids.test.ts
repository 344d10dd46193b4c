import t from 'tap';
import { equalBytes, sha256, wipe } from '../../src/base/bytes.ts';
import { newId, newTimeOrderedId } from '../../src/base/ids.ts';

t.test('S19: identifiers are 128 random bits that a URL takes as they are', async (t) => {
  const ids = new Set(Array.from({ length: 10_000 }, newId));
  t.equal(ids.size, 10_000);
  for (const id of ids) if (!/^[A-Za-z0-9_-]{22}$/.test(id)) t.fail(id);
});

t.test('time-ordered identifiers sort by time and differ within a millisecond', async (t) => {
  const times = [0, 1, 255, 1_700_000_000_000, 1_700_000_000_001, 0xffff_ffff_ffff];
  const ids = times.map(newTimeOrderedId);
  t.same([...ids].sort(), ids);
  t.ok(ids.every((id) => /^[0-9a-f]{32}$/.test(id)));
  t.equal(new Set(Array.from({ length: 1_000 }, () => newTimeOrderedId(1))).size, 1_000);
});

t.test('byte strings: equality of any lengths, hash of parts, wiping', async (t) => {
  t.ok(equalBytes(Buffer.from('ab'), Uint8Array.of(97, 98)));
  t.notOk(equalBytes(Buffer.from('ab'), Buffer.from('ac')));
  t.notOk(equalBytes(Buffer.from('ab'), Buffer.from('abc')));
  t.ok(equalBytes(Buffer.alloc(0), Buffer.alloc(0)));
  t.same(sha256('a', Buffer.from('b')), sha256('ab'));
  const secret = Buffer.from('geheim');
  wipe(secret, undefined);
  t.same(secret, Buffer.alloc(6));
});
