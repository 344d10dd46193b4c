import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import canonicalize from 'canonicalize';
import t, { type Test } from 'tap';
import { upkeep } from '../../src/activation/upkeep.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import {
  ecdsaWithSha256,
  newSigner,
  randomHashes,
  readLeaves,
  signerToken,
  type TestSigner,
} from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

const hex = (hashes: Buffer[]) => hashes.map((hash) => hash.toString('hex'));

/** Everything that is at rest in the store: the files' bytes on SQLite, all rows of all tables on PostgreSQL. */
async function atRest({ location, store }: TestSigner): Promise<Buffer> {
  if (location.engine === 'sqlite') {
    const files = [location.file, `${location.file}-wal`].filter((file) => existsSync(file));
    return Buffer.concat(files.map((file) => readFileSync(file)));
  }
  const parts: Buffer[] = [];
  const { signerSchema: _, ...tables } = store.read.t;
  for (const table of Object.values(tables)) {
    const rows: Record<string, unknown>[] = await store.read.db.select().from(table as typeof tables.settings);
    for (const value of rows.flatMap((row) => Object.values(row)))
      parts.push(Buffer.isBuffer(value) ? value : Buffer.from(String(value)));
  }
  return Buffer.concat(parts);
}

/** A secret in each spelling in which it might have been kept. */
function spellings(secret: string): Buffer[] {
  const bytes = [Buffer.from(secret), Buffer.from(secret.replaceAll('-', '')), Buffer.from(secret, 'base64url')];
  return bytes.flatMap((value) => [
    value,
    Buffer.from(value.toString('hex')),
    Buffer.from(value.toString('base64').replace(/=+$/, '').slice(0, -1)),
  ]);
}

t.test('the log', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };

  await rulesOnBothEngines(t, {
    'S58: each step from order to signature has its leaf, with who, what and result': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const hashes = randomHashes(2);
      const sad = await person.authorize(hashes, { request: 'request-a' });
      await person.signHash(sad, [hashes[1]!], { request: 'request-s' });
      await world.obey({ kind: 'block', credentialID: person.credentialID, blocked: true, reason: 'a reason' });

      const leaves = await readLeaves(world.store);
      const { subscriber, credentialID: credential } = person;
      const authorization = createHash('sha256').update(sad).digest('base64url');
      const find = (event: string, result = 'done') =>
        leaves.filter((leaf) => leaf.event === event && leaf.result === result);
      const base = { v: 1, epoch: world.signer.epoch, result: 'done' };
      t.match(find('subscriber.created'), [{ ...base, actor: 'ca', subscriber }]);
      const key = { keyType: 'EC-P256', spki: createHash('sha256').update(person.spki).digest('hex') };
      t.match(find('key.made'), [{ ...base, actor: 'ca', subscriber, credential, detail: key }]);
      t.match(find('certificate.installed'), [{ ...base, actor: 'ca', subscriber, credential }]);
      t.match(find('activation.begun'), [{ ...base, actor: 'api', subscriber, request: 'request-0' }]);
      t.match(find('activation.completed'), [{ ...base, actor: 'api', subscriber, request: 'request-0' }]);
      const who = { subscriber, credential, authorization };
      t.match(find('authorize'), [
        { ...base, ...who, actor: 'direct', request: 'request-a', hashes: hex(hashes), algorithm: 'SHA-256' },
      ]);
      const [intent] = find('sign', 'intended');
      const wanted = { actor: 'direct', request: 'request-s', hashes: hex([hashes[1]!]), algorithm: ecdsaWithSha256 };
      t.match(intent, { ...base, result: 'intended', ...who, ...wanted });
      t.match(find('sign'), [{ ...base, ...who, actor: 'signer', signing: intent!.signing, request: 'request-s' }]);
      t.match(find('credential.blocked'), [
        { ...base, actor: 'ca', subscriber, credential, detail: { reason: 'a reason' } },
      ]);
      t.equal(leaves.length, 9);
      t.ok(
        leaves.every(({ at, monotonic }) => Number.isInteger(at) && Number.isInteger(monotonic)),
        'S63',
      );
    },

    'S58: refusals are counted, and each kind for each person gets an entry': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash, other] = randomHashes(2);
      const sad = await person.authorize([hash!]);
      await upkeep(world.signer);
      const from = new Set((await readLeaves(world.store)).map((leaf) => canonicalize(leaf)));
      const added = async () => (await readLeaves(world.store)).filter((leaf) => !from.has(canonicalize(leaf)));
      for (let n = 0; n < 3; n += 1) await t.rejects(person.signHash(sad, [other!]), refused('hashNotAuthorized'));
      await t.rejects(person.signHash('no such SAD', [hash!]), refused('sadInvalid'));
      await t.rejects(person.authorize([hash!], { numSignatures: 2 }), refused('numSignaturesInvalid'));
      t.same(await added(), []);
      for (const nth of [1, 2, 3]) world.store.failWrite(nth, 'rolledBack');
      await t.rejects(upkeep(world.signer), refused('unavailable'), 'not written this time');
      await t.rejects(person.signHash(sad, [other!]), refused('hashNotAuthorized'));
      await upkeep(world.signer);
      const entries = await added();
      for (const entry of entries)
        t.match(entry, { result: 'refused', actor: 'api', subscriber: person.subscriber, epoch: world.signer.epoch });
      const counts = (entries as { event: string; detail: { kind: string; count: number } }[]).map(
        ({ event, detail }) => `${event} ${detail.kind} ${detail.count}`,
      );
      t.same(counts.sort(), ['authorize numSignaturesInvalid 1', 'sign hashNotAuthorized 4', 'sign sadInvalid 1']);
      await upkeep(world.signer);
      t.equal((await added()).length, 3, 'once');
    },

    'S58: a flood of invented subscribers does not become a flood of entries': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const before = (await readLeaves(world.store)).length;
      const calls = Array.from({ length: 400 }, (_, n) =>
        person.signHash('none', randomHashes(1), { subscriber: `invented-${n}` }),
      );
      await Promise.allSettled(calls);
      await upkeep(world.signer);
      t.ok((await readLeaves(world.store)).length - before <= 201);
    },

    'S60: a leaf is RFC 8785 JSON, and its hash is SHA-256 over 0x00 and the leaf': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      await person.signHash(await person.authorize([hash!]), [hash!]);
      await upkeep(world.signer);
      const rows = await world.store.read.db.select().from(world.store.read.t.logLeaves);
      t.ok(rows.length >= 8);
      for (const { leaf, leafHash } of rows) {
        t.equal(leaf, canonicalize(JSON.parse(leaf)));
        t.same(
          leafHash,
          createHash('sha256')
            .update(Buffer.from([0]))
            .update(leaf)
            .digest(),
        );
      }
      const positions = rows.map(({ position }) => position).sort((a, b) => a! - b!);
      t.same(
        positions,
        Array.from({ length: rows.length }, (_, n) => n),
        'and each has its place',
      );
    },

    'S4, S62: no secret and no personal data in leaves, files or output': async (t, stores) => {
      const printed: string[] = [];
      const streams = [process.stdout, process.stderr];
      const originals = streams.map((stream) => stream.write);
      for (const stream of streams)
        stream.write = ((chunk: string | Uint8Array) => printed.push(Buffer.from(chunk).toString()) > 0) as never;
      const secrets: Record<string, string> = {};
      let world: TestSigner;
      let names: Record<string, string>;
      try {
        ({ world } = await setUp(t, stores));
        const person = await world.newPerson({ activate: false });
        await person.enrol();
        const enrolmentCode = await person.nextCode();
        await person.activate({ otp: enrolmentCode });
        const hashes = randomHashes(2);
        const sad = await person.authorize(hashes);
        await person.signHash(sad, [hashes[0]!]);
        const wrongPin = 'a wrong PIN 83719';
        await person.authorize(hashes, { pin: wrongPin }).catch(() => {});
        await person.authorize(hashes, { otp: 'x93716' }).catch(() => {});
        await person.signHash(`${sad}x`, hashes).catch(() => {});
        await upkeep(world.signer);
        const { pin, totpSecret, halves } = person;
        Object.assign(secrets, { pin, totpSecret, ...halves, sad, wrongPin, otp: 'x93716' });
        const { subscribers } = world.store.read.t;
        const people = await world.store.read.db.select().from(subscribers);
        const { userId, name, email, phone } = people.find(({ id }) => id === person.subscriber)!;
        names = { userId, name, email, phone, plainPhone: phone.slice(3) };
      } finally {
        streams.forEach((stream, n) => {
          stream.write = originals[n]!;
        });
      }
      const files = await atRest(world);
      t.ok(files.includes(Buffer.from('subscriber.created')), 'the scan sees what is there');
      const leaves = (await readLeaves(world.store)).map((leaf) => JSON.stringify(leaf)).join('\n');
      for (const [what, secret] of Object.entries(secrets)) {
        for (const spelling of spellings(secret).filter(({ length }) => length > 5)) {
          t.notOk(files.includes(spelling), `${what} in the store`);
          t.notOk(printed.join('').includes(spelling.toString('latin1')), `${what} printed`);
        }
      }
      for (const [what, text] of Object.entries(names)) {
        t.notOk(leaves.includes(text), `${what} in a leaf`);
        t.notOk(printed.join('').includes(text), `${what} printed`);
      }
    },
  });
});
