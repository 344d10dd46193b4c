import t from 'tap';
import { refused } from '../helpers/refused.ts';
import { makeShim } from '../helpers/shim.ts';
import { randomHashes, readLeaves, signerToken } from '../helpers/signer.ts';
import { signerFor } from '../helpers/subscriber.ts';
import { until } from '../helpers/until.ts';

// What a fault of the token does to an authorization, on SQLite: the token knows nothing of stores.
const shim = makeShim(t);
const token = await signerToken(t, { module: shim.module, deadline: 2500 });
const world = await signerFor(t, token);
const person = await world.newPerson();

/** The leaves of the one signing of these hashes. */
async function leavesOf(hashes: Buffer[]) {
  const leaves = await readLeaves(world.store);
  const first = hashes[0]!.toString('hex');
  const { signing } = leaves.find((leaf) => leaf.event === 'sign' && (leaf.hashes as string[])?.includes(first))!;
  const of = leaves.filter((leaf) => leaf.signing === signing);
  return of
    .map(({ result, detail }) => ({ result, detail }))
    .sort((a, b) => (String(a.result) < String(b.result) ? 1 : -1));
}

for (const [id, what, rule, kind] of [
  ['S52', 'a call that hangs', 'hang C_Sign 2', 'tokenUnavailable'],
  ['S12', 'a bit that flips', 'flip C_Sign 2', 'integrity'],
  ['S51', 'a wrong key', 'otherkey C_SignInit 2', 'integrity'],
  ['S51', 'a token that is gone', 'fail * 1- 0x32', 'tokenUnavailable'],
  ['S51', 'a token that cannot do it', 'fail C_SignInit 2 0x68', 'internal'],
] as const) {
  t.test(`${id}: after ${what} nothing is released, and what was spent stays spent`, async (t) => {
    const hashes = randomHashes(3);
    const sad = await person.authorize(hashes);
    shim.clearCalls();
    shim.control(rule);
    await t.rejects(person.signHash(sad, hashes), refused(kind));
    shim.control();
    t.ok(shim.calls().some(({ fault }) => fault === rule.split(' ')[0]));
    await until(() => token.status().workers === 2);

    await t.rejects(person.signHash(sad, hashes), refused('sadInvalid'));
    t.match(await leavesOf(hashes), [{ result: 'intended' }, { result: 'failed', detail: { kind } }]);
    const again = await person.authorize(hashes);
    t.equal((await person.signHash(again, hashes)).length, 3, 'a new authorization signs');
  });
}

t.test(
  'S52: twenty requests at once with one SAD meet a call that hangs: one spends it, none gets a signature',
  async (t) => {
    const hashes = randomHashes(2);
    const sad = await person.authorize(hashes);
    shim.control('hang C_Sign 1');
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => person.signHash(sad, hashes)));
    shim.control();
    const kinds = all.map((one) => (one.status === 'rejected' ? one.reason.kind : 'signed'));
    t.same(kinds.sort(), [...Array(19).fill('sadInvalid'), 'tokenUnavailable']);
    t.same(
      (await leavesOf(hashes)).map(({ result }) => result),
      ['intended', 'failed'],
    );
  },
);
