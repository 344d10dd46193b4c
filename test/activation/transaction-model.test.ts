import { randomInt } from 'node:crypto';
import t, { type Test } from 'tap';
import { kindOf } from '../../src/base/errors.ts';
import { authorizationOf, hashesIn } from '../helpers/ledger.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { newSigner, randomHashes, signerToken, type TestPerson, type TestSigner } from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

/** What a transaction may do, as design §4 puts it in words: the smallest machine that follows them. */
type Transaction = { sads: string[]; total: number; open: number; unspent: Buffer[]; signed: number };

/** Takes `hashes` out of the multiset `from`: what is left, and those that were not there. */
function take(from: Buffer[], hashes: Buffer[]): { left: Buffer[]; missing: Buffer[] } {
  const left = [...from];
  const missing = hashes.filter((hash) => {
    const index = left.findIndex((other) => other.equals(hash));
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
  return { left, missing };
}

const left = ({ total, signed }: Transaction) => total - signed;
const isDead = (model: Transaction, sad: string) => sad !== model.sads.at(-1) || left(model) === 0;

function modelSign(model: Transaction, sad: string, hashes: Buffer[]): string {
  if (isDead(model, sad)) return 'sadInvalid';
  if (hashes.some(({ length }) => length !== 32)) return 'digestLength';
  if (hashes.length > left(model)) return 'sadInvalid';
  const taken = take(model.unspent, hashes);
  if (taken.missing.length > 0) return 'hashNotAuthorized';
  model.unspent = taken.left;
  model.signed += hashes.length;
  return 'done';
}

function modelExtend(model: Transaction, sad: string, hashes: Buffer[]): string {
  if (isDead(model, sad)) return 'sadInvalid';
  if (hashes.some(({ length }) => length !== 32)) return 'digestLength';
  const { missing } = take(model.unspent, hashes);
  if (missing.length > model.open) return 'hashNotAuthorized';
  model.unspent = [...model.unspent, ...missing];
  model.open -= missing.length;
  return 'done';
}

const pick = <T>(from: readonly T[]): T => from[randomInt(from.length)]!;
const sorted = (hashes: Buffer[]) => hashes.map((hash) => hash.toString('hex')).sort();

async function assertSameState(t: Test, world: TestSigner, model: Transaction): Promise<void> {
  const row = await authorizationOf(world, model.sads.at(-1)!);
  const { total, remaining, open } = row!;
  t.same({ total, remaining, open }, { total: model.total, remaining: left(model), open: model.open });
  const hashes = await hashesIn(world);
  const unspent = hashes.filter((hash) => hash.authorization === row!.id && !hash.spent);
  t.same(sorted(unspent.map(({ digest }) => digest)), sorted(model.unspent));
}

/** One random transaction of `steps` calls; each must end as the model says, and leave the state that it says. */
async function walk(t: Test, world: TestSigner, person: TestPerson, steps: number): Promise<Record<string, number>> {
  const alphabet = randomHashes(4);
  const some = (most: number) => Array.from({ length: randomInt(most + 1) }, () => pick(alphabet));
  const first = [pick(alphabet), ...some(4)];
  const total = first.length + randomInt(5);
  const from = world.token.signed.length;
  const openSlots = total > first.length;
  const sad = await person.authorize(first, { numSignatures: total, openSlots });
  const model: Transaction = { sads: [sad], total, open: total - first.length, unspent: first, signed: 0 };
  const counts: Record<string, number> = {};

  for (let step = 0; step < steps; step += 1) {
    const odd = pick([...Array(12).fill(undefined), ...randomHashes(1), ...randomHashes(2, 48)]);
    const which = randomInt(8) === 0 ? pick(model.sads) : model.sads.at(-1)!;
    const extending = randomInt(2) === 0;
    const mixed = [...some(extending ? 3 : 1), ...(odd ? [odd] : [])];
    // A mixture of lengths has no algorithm; what it gets is shown elsewhere.
    const chosen = mixed.some(({ length }) => length !== 32) ? mixed.filter(({ length }) => length !== 32) : mixed;
    const hashes = !extending && chosen.length === 0 ? [pick(alphabet)] : chosen;
    const expected = (extending ? modelExtend : modelSign)(model, which, hashes);
    let outcome = 'done';
    try {
      if (extending) model.sads.push(await person.extend(which, hashes));
      else await person.signHash(which, hashes);
    } catch (error) {
      outcome = kindOf(error);
    }
    const name = `${extending ? 'extend' : 'sign'} ${outcome}`;
    counts[name] = (counts[name] ?? 0) + 1;
    if (!t.equal(outcome, expected, `${extending ? 'extend' : 'sign'} is ${expected}`)) return counts;
    await assertSameState(t, world, model);
  }
  const signed = world.token.signed.slice(from).flat();
  t.equal(signed.length, model.signed);
  t.ok(signed.length <= total, 'never more than was authorized');
  return counts;
}

t.test('S9, S93: random sequences of extensions and signings end as a small model says', async (t) => {
  const token = await signerToken(t);
  const show = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    const person = await world.newPerson();
    const seen: Record<string, number> = {};
    for (let round = 0; round < 16; round += 1) {
      for (const [name, count] of Object.entries(await walk(t, world, person, 20)))
        seen[name] = (seen[name] ?? 0) + count;
    }
    const kinds = ['done', 'sadInvalid', 'hashNotAuthorized', 'digestLength'];
    const all = kinds.flatMap((kind) => [`extend ${kind}`, `sign ${kind}`]);
    t.same(Object.keys(seen).sort(), all.sort(), `every outcome was met: ${JSON.stringify(seen)}`);
  };
  await rulesOnBothEngines(t, { '16 transactions of 20 calls': show });
});
