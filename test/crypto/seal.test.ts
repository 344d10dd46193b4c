import { createPublicKey, randomBytes } from 'node:crypto';
import t from 'tap';
import { limit } from '../../src/base/limit.ts';
import { argon2id, formatCost, parseCost, pinCost } from '../../src/crypto/argon2.ts';
import { newBoxKeyPair, openFrom, sealTo } from '../../src/crypto/hpke.ts';
import { rowMac } from '../../src/crypto/row-mac.ts';
import { open, seal } from '../../src/crypto/seal.ts';
import { refused } from '../helpers/refused.ts';

t.test('a sealed value opens only with its key, beside its facts, unchanged', async (t) => {
  const key = randomBytes(32);
  const sealed = seal(key, Buffer.from('khóa'), { key: 'k1', version: 1 });
  t.same(open(key, sealed, { version: 1, key: 'k1' }), Buffer.from('khóa'), 'the order of the facts does not matter');
  t.throws(() => open(key, sealed, { key: 'k1', version: 2 }), refused('integrity'));
  t.throws(() => open(key, sealed, { key: 'k1' }), refused('integrity'));
  t.throws(() => open(randomBytes(32), sealed, { key: 'k1', version: 1 }), refused('integrity'));
  for (const at of [0, 12, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed[at]! ^= 1;
    t.throws(() => open(key, changed, { key: 'k1', version: 1 }), refused('integrity'), `byte ${at} changed`);
  }
  t.throws(() => open(key, sealed.subarray(0, 20), { key: 'k1', version: 1 }), refused('integrity'), 'cut off');
});

t.test('HPKE: sealed to a public key, opened by its private half alone', async (t) => {
  const box = await newBoxKeyPair();
  const other = await newBoxKeyPair();
  const sealed = await sealTo(box.publicKey, Buffer.from('DEK'), { key: 'k' });
  t.same(await openFrom(box.privateKey, sealed, { key: 'k' }), Buffer.from('DEK'));
  await t.rejects(openFrom(other.privateKey, sealed, { key: 'k' }), refused('integrity'));
  await t.rejects(openFrom(box.privateKey, sealed, { key: 'l' }), refused('integrity'));
  const again = await sealTo(box.publicKey, Buffer.from('DEK'), { key: 'k' });
  t.notOk(again.equals(sealed), 'a fresh ephemeral key each time');
  const der = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), box.publicKey]);
  t.equal(
    createPublicKey({ key: der, format: 'der', type: 'spki' }).asymmetricKeyType,
    'x25519',
    'node:crypto reads the public half',
  );
});

t.test('S46: Argon2id parameters are recorded with each record and read back', async (t) => {
  t.same(parseCost(formatCost(pinCost)), pinCost);
  t.throws(() => parseCost('argon2id m=1 t=1'));
  const cost = { memory: 8, passes: 3, lanes: 1 };
  const salt = Buffer.alloc(16, 2);
  t.same(await argon2id(Buffer.from('a'), salt, cost), await argon2id(Buffer.from('a'), salt, cost));
  t.notSame(
    await argon2id(Buffer.from('a'), salt, cost),
    await argon2id(Buffer.from('a'), salt, { ...cost, passes: 4 }),
  );
});

t.test('S46: a limit holds and lets everybody through in order', async (t) => {
  const twoAtATime = limit(2);
  const order: number[] = [];
  let running = 0;
  let most = 0;
  await Promise.allSettled(
    Array.from({ length: 20 }, (_, n) =>
      twoAtATime(async () => {
        running += 1;
        most = Math.max(most, running);
        order.push(n);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        if (n % 3 === 0) throw new Error('a failing job gives its place back');
      }),
    ),
  );
  t.equal(most, 2);
  t.same(
    order,
    Array.from({ length: 20 }, (_, n) => n),
  );
});

t.test('a row whose bytes, text, version or table was changed outside is noticed', async (t) => {
  const mac = rowMac(randomBytes(32));
  const row = mac.seal('keys', { id: 'a', blob: Buffer.from([1]), limit: null, version: 1 });
  mac.check('keys', row);
  mac.check('keys', { version: row.version, limit: null, blob: row.blob, id: row.id, mac: row.mac } as typeof row);
  for (const change of [{ id: 'b' }, { blob: Buffer.from([2]) }, { limit: 0 }, { version: 2 }]) {
    t.throws(() => mac.check('keys', { ...row, ...change }), refused('integrity'), JSON.stringify(change));
  }
  t.throws(() => mac.check('vaults', row), refused('integrity'));
  t.throws(() => rowMac(randomBytes(32)).check('keys', row), refused('integrity'));
});
