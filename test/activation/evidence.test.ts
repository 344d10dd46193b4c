import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { upkeep } from '../../src/activation/upkeep.ts';
import { newRequestId } from '../../src/base/ids.ts';
import { evidenceFiles } from '../../src/cli/evidence-files.ts';
import { certificateOrder, statusOrder } from '../helpers/further-key.ts';
import { storesIn } from '../helpers/one-store.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import {
  certificateChain,
  newSigner,
  randomHashes,
  readLeaves,
  signerToken,
  type TestSigner,
} from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';
import { operatorAt } from '../helpers/subscriber.ts';

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');

/** What the evidence table has, by kind. */
async function kept({ store }: TestSigner) {
  const rows = await store.read.db.select().from(store.read.t.evidence);
  const of = (kind: string) => rows.filter((row) => row.kind === kind);
  return { feed: of('feed'), certificate: of('certificate') };
}

/** Runs what the README tells its reader to, in its order; answers the lines that were printed. */
function obeyReadme(directory: string): string[] {
  const commands = readFileSync(join(directory, 'README.txt'), 'utf8').match(/(?<=^ {6})\S.*$/gm) ?? [];
  return commands.map((command) => execFileSync('sh', ['-ec', command], { cwd: directory, stdio: 'pipe' }).toString());
}

t.test('evidence of a signature', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson(), hashes: randomHashes(30) };
  };
  const result = async ({ store }: TestSigner) => {
    const leaves = await readLeaves(store);
    return leaves.filter(({ event, result }) => event === 'sign' && result === 'done');
  };

  await rulesOnBothEngines(t, {
    'its result names certificate and heartbeat, which are kept once, and no heartbeat that nothing relied on': async (
      t,
      stores,
    ) => {
      const { world, person, hashes } = await setUp(t, stores);
      const sad = await person.authorize(hashes);
      t.same((await kept(world)).feed, [], 'authorizing relies on the feed, but leaves no signature');
      const heartbeat = world.ca.heartbeat();
      await world.push(heartbeat);
      await Promise.all(hashes.slice(0, 20).map((hash) => person.signHash(sad, [hash])));
      await world.push(world.ca.heartbeat());
      await world.push(world.ca.heartbeat());
      await person.signHash(sad, [hashes[20]!]);
      const { feed, certificate } = await kept(world);
      t.equal(feed.length, 2);
      t.equal(certificate.length, 3, 'its chain');
      const { payload, signature } = heartbeat;
      const digest = sha256(JSON.stringify({ payload, signature }));
      const named = (await result(world)).map(({ detail }) => detail as Record<string, string>);
      t.equal(named.length, 21);
      t.equal(named.filter((detail) => detail.feed === digest).length, 20);
      const own = sha256(Buffer.from(person.chain[0]!, 'base64'));
      t.ok(named.every((detail) => detail.certificate === own));
      t.ok([...feed, ...certificate].every((row) => sha256(row.bytes) === row.digest));
    },

    'what fails or is refused names nothing, and a result whose commit fails keeps nothing': async (t, stores) => {
      const { world, person, hashes } = await setUp(t, stores);
      const sad = await person.authorize(hashes);
      world.store.failWrite(2, 'rolledBack');
      await t.rejects(person.signHash(sad, [hashes[0]!]), refused('unavailable'));
      t.same((await kept(world)).feed, []);
      await person.signHash(sad, [hashes[1]!]);
      t.equal((await kept(world)).feed.length, 1, 'the next one keeps it');
    },

    'exported after a renewal and a revocation, openssl verifies all of it, and nothing else is in it': async (
      t,
      stores,
    ) => {
      const { world, person, hashes } = await setUp(t, stores);
      const sad = await person.authorize(hashes);
      const before = world.clock.now();
      const [signature] = await person.signHash(sad, [hashes[0]!], { request: 'the-request' });
      await world.advance(3_600_000);
      const chain = await certificateChain(person.spki, world.clock.now());
      await world.obey(certificateOrder(person, chain));
      await world.obey(statusOrder({ ...person, chain }, 'revoked'));
      await upkeep(world.signer);
      const directory = t.testdir();
      const found = await world.call('evidence', { request: 'the-request', at: before });
      const files = evidenceFiles('the-request', found);
      t.ok(found.leaves.every(({ position }) => position !== undefined));
      t.same(found.chains, [person.chain], 'the certificate of then');
      const sums = Object.entries(files).map(([name, content]) => `${sha256(content)}  ${name}\n`);
      const more = { SHA256SUMS: sums.join(''), DIGEST: hashes[0]!, SIGNATURE: signature! };
      for (const [name, content] of Object.entries({ ...files, ...more }))
        writeFileSync(join(directory, name), content);
      const printed = obeyReadme(directory);
      t.equal(printed.length, 7);
      const leaves = found.leaves.map(({ leaf }) => JSON.parse(leaf));
      t.same(leaves.map(({ result }) => result).sort(), ['done', 'intended']);
      const { detail } = leaves.find(({ result }) => result === 'done');
      t.match(printed[0], /: OK\n/);
      t.same(printed[2]?.match(/^[0-9a-f]{64}/gm), [detail.certificate, detail.feed]);
      t.match(printed[3], /Verified OK/);
      t.match(printed[4], /OK/);
      t.match(printed[6], /Signature Verified Successfully/);
      const rows = await world.store.read.db.select().from(world.store.read.t.logLeaves);
      const hashed = rows.find(({ leaf }) => leaf === found.leaves[0]!.leaf)?.leafHash;
      t.equal(printed[1]?.slice(0, 64), hashed?.toString('hex'), 'as the log has it');
      writeFileSync(join(directory, 'feed-payload-1.json'), found.messages[0]!.payload.replace('"number"', '"nimber"'));
      t.throws(() => obeyReadme(directory), 'a changed payload does not pass');

      // The issuing authority's certificate, which the root itself issued, in the place of the holder's.
      const short = evidenceFiles('the-request', { ...found, chains: [person.chain.slice(1)] });
      t.notOk('issuers-1.pem' in short, 'nothing stands between');
      const apart = t.testdir();
      for (const [name, content] of Object.entries(short)) writeFileSync(join(apart, name), content);
      const verify = /^ {6}(openssl verify .*)$/m.exec(String(short['README.txt']))![1]!;
      const said = execFileSync('sh', ['-ec', verify], { cwd: apart, encoding: 'utf8' });
      t.equal(said, 'certificate-1.pem: OK\n');
    },

    'what was changed in the store is not exported, and an unknown request is none': async (t, stores) => {
      const { world, person, hashes } = await setUp(t, stores);
      const sad = await person.authorize(hashes);
      await person.signHash(sad, [hashes[0]!], { request: 'the-request' });
      const at = world.clock.now();
      await t.rejects(world.call('evidence', { request: 'the-reques', at }), refused('requestInvalid'));
      await t.rejects(
        world.call('evidence', { request: 'the-request', at: at + 86_400_000 }),
        refused('requestInvalid'),
      );
      const { evidence } = world.store.read.t;
      await world.store.write((tx) => tx.db.update(evidence).set({ bytes: Buffer.from('{}') }));
      await t.rejects(world.call('evidence', { request: 'the-request', at }), refused('integrity'));
    },
  });

  await t.test('kyso evidence writes it into a new directory, and never into one that is there', async (t) => {
    const world = await newSigner(t, storesIn(t), token);
    const person = await world.newPerson();
    const [hash] = randomHashes(1);
    const sad = await person.authorize([hash!]);
    const request = newRequestId(world.clock.now());
    const [signature] = await person.signHash(sad, [hash!], { request });
    await upkeep(world.signer);
    const run = await operatorAt(t, world, ['evidence']);
    const out = join(t.testdir(), 'out');
    t.match(await run(request, '--out', out), { status: 0, stdout: /README/ });
    writeFileSync(join(out, 'DIGEST'), hash!);
    writeFileSync(join(out, 'SIGNATURE'), signature!);
    t.equal(obeyReadme(out).length, 7);
    t.ok(
      readdirSync(out).every((name) => (statSync(join(out, name)).mode & 0o077) === 0 || /^[A-Z]+$|key.pem/.test(name)),
    );
    t.match(await run(request, '--out', out), { status: 1, stderr: /is there already/ });
    t.match(await run(newRequestId(world.clock.now())), { status: 1, stderr: /no request of this id/ });
    t.match(await run(), { status: 1, stderr: /usage/ });
  });
});
