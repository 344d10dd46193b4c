import { createHash, randomBytes, verify, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { eq } from '../../src/store/drizzle.ts';
import { openStore } from '../../src/store/open-store.ts';
import { signerDomain } from '../../src/store/signer/tables.ts';
import { hashesIn } from '../helpers/ledger.ts';
import { descendants } from '../helpers/processes.ts';
import { callRaw, type Person, type Sandbox, startSandbox, untilReady } from '../helpers/sandbox.ts';

const ecdsaWithSha256 = '1.2.840.10045.4.3.2';
const hashOf = (document: Buffer | string) => createHash('sha256').update(document).digest('base64');

const victims = {
  signer: (sandbox: Sandbox) => descendants(sandbox.supervisor.pid!).filter(({ title }) => title === 'kyso signer'),
  api: (sandbox: Sandbox) => descendants(sandbox.supervisor.pid!).filter(({ title }) => title === 'kyso api'),
  worker: (sandbox: Sandbox) => victims.signer(sandbox).flatMap(({ pid }) => descendants(pid)),
};

type Load = { answered: Map<string, string>; documents: Map<string, Buffer>; stop(): Promise<void> };

/** One SAD for 300 hashes, and requests of 1 to 4 of them until told to stop; each hash is asked for up to three times. */
async function startLoad(t: Test, sandbox: Sandbox, person: Person): Promise<Load> {
  const token = await person.login();
  const documents = new Map(
    Array.from({ length: 300 }, () => randomBytes(32)).map((document) => [hashOf(document), document]),
  );
  const hashes = [...documents.keys()];
  const { body } = await callRaw(`${sandbox.csc}/credentials/authorize`, token, {
    ...{ credentialID: person.credentialIDs[0], numSignatures: hashes.length, hash: hashes },
    ...{ PIN: person.holder.pin, OTP: await person.nextCode() },
  });
  const answered = new Map<string, string>();
  let stopped = false;
  const loop = async (offset: number) => {
    for (let n = offset; !stopped; n += 4) {
      const hash = hashes.slice(n % 300, (n % 300) + 1 + (n % 4));
      const request = { credentialID: person.credentialIDs[0], SAD: body.SAD, hash, signAlgo: ecdsaWithSha256 };
      const answer = await callRaw(`${sandbox.csc}/signatures/signHash`, token, request).catch(() => undefined);
      for (const [index, text] of (answer?.status === 200 ? hash : []).entries()) {
        if (answered.has(text)) throw new Error(`two signatures were released for ${text}`);
        answered.set(text, answer?.body.signatures[index]);
      }
      if (answer?.status !== 200) await delay(20);
    }
  };
  t.teardown(() => {
    stopped = true;
  });
  const loops = [0, 1, 2, 3].map((offset) => loop(offset * 71));
  return {
    answered,
    documents,
    async stop() {
      stopped = true;
      await Promise.all(loops);
    },
  };
}

/** Those of the answered signatures that the certificate's key does not verify. */
async function badSignatures(sandbox: Sandbox, person: Person, load: Load): Promise<string[]> {
  const info = await callRaw(`${sandbox.csc}/credentials/info`, await person.login(), {
    credentialID: person.credentialIDs[0],
  });
  const { publicKey } = new X509Certificate(Buffer.from(info.body.cert.certificates[0], 'base64'));
  const good = ([hash, signature]: [string, string]) =>
    verify('sha256', load.documents.get(hash)!, publicKey, Buffer.from(signature, 'base64'));
  return [...load.answered].filter((entry) => !good(entry)).map(([hash]) => hash);
}

/** Reads the store as an auditor would: what was answered must be there, recorded as released, and in the log. */
async function checkStore(t: Test, sandbox: Sandbox, load: Load): Promise<void> {
  const store = await openStore(signerDomain, {
    engine: 'sqlite',
    file: join(sandbox.config.directory, 'signer', 'store.db'),
  });
  const { signings, logLeaves } = store.read.t;
  const spent = new Set(
    (await hashesIn({ store })).flatMap(({ digest, spent }) => (spent ? [digest.toString('hex')] : [])),
  );
  const released = await store.read.db.select().from(signings).where(eq(signings.outcome, 'released'));
  const leaves = (await store.read.db.select().from(logLeaves)).map((row) => JSON.parse(row.leaf));
  const done = new Set(
    leaves.filter((leaf) => leaf.event === 'sign' && leaf.result === 'done').map((leaf) => leaf.signing),
  );
  const releasedIds = new Set(released.map((signing) => signing.id));
  await store.close();

  const intents = leaves.filter((leaf) => leaf.event === 'sign' && leaf.result === 'intended');
  const lost = [...load.answered.keys()].filter((base64) => {
    const hash = Buffer.from(base64, 'base64').toString('hex');
    const signing = intents.find(({ hashes }) => hashes.includes(hash))?.signing;
    return !signing || !spent.has(hash) || !releasedIds.has(signing) || !done.has(signing);
  });
  t.same(lost, [], `S59, S66, S91: all ${load.answered.size} signatures that were answered are in store and log`);
  const total = released.reduce((sum, signing) => sum + signing.signatures, 0);
  t.ok(total >= load.answered.size, 'and nothing was released without being recorded');
}

for (const victim of ['signer', 'worker', 'api'] as const) {
  t.test(`S66, S89: kill -9 of ${victim} under load`, async (t) => {
    const sandbox = await startSandbox(t);
    const person = await sandbox.newPerson();
    const load = await startLoad(t, sandbox, person);
    await delay(300);
    for (let round = 0; round < 2; round += 1) {
      const [found] = victims[victim](sandbox);
      if (!found) throw new Error(`there is no ${victim} to kill`);
      process.kill(found.pid, 'SIGKILL');
      await delay(50);
      await untilReady(sandbox.baseUrl, 5_000);
      t.pass('serving again within 5 s');
      const before = load.answered.size;
      await delay(300);
      t.ok(load.answered.size >= before);
    }
    await load.stop();
    t.ok(load.answered.size > 0, 'some signatures were answered');
    t.same(await badSignatures(sandbox, person, load), [], 'S12: each of them is good');
    const fresh = await sandbox.newPerson();
    const token = await fresh.login();
    const hash = [hashOf('after')];
    const request = {
      credentialID: fresh.credentialIDs[0],
      numSignatures: 1,
      hash,
      PIN: fresh.holder.pin,
      OTP: await fresh.nextCode(),
    };
    const { body } = await callRaw(`${sandbox.csc}/credentials/authorize`, token, request);
    const after = await callRaw(`${sandbox.csc}/signatures/signHash`, token, {
      credentialID: fresh.credentialIDs[0],
      SAD: body.SAD,
      hash,
      signAlgo: ecdsaWithSha256,
    });
    t.equal(after.status, 200, 'and it signs as before');
    await sandbox.stop();
    t.equal(descendants(sandbox.supervisor.pid!).length, 0, 'S72: no process stays');
    await checkStore(t, sandbox, load);
  });
}

t.test('S72: SIGTERM under load loses nothing that was answered, and leaves no process', async (t) => {
  const sandbox = await startSandbox(t);
  const person = await sandbox.newPerson();
  const load = await startLoad(t, sandbox, person);
  await delay(500);
  const below = descendants(sandbox.supervisor.pid!);
  await sandbox.stop();
  t.equal(sandbox.supervisor.exitCode, 0);
  t.same(
    below.filter(({ pid }) => existsSync(`/proc/${pid}/exe`)),
    [],
  );
  await load.stop();
  t.ok(load.answered.size > 0);
  await checkStore(t, sandbox, load);
});

t.test('S58: what was refused in the last moment before a stop is in the log', async (t) => {
  const sandbox = await startSandbox(t);
  const person = await sandbox.newPerson();
  const token = await person.login();
  const request = { credentialID: person.credentialIDs[0], SAD: 'x', hash: [hashOf('x')], signAlgo: ecdsaWithSha256 };
  t.equal((await callRaw(`${sandbox.csc}/signatures/signHash`, token, request)).status, 400);
  await sandbox.stop();
  const file = join(sandbox.config.directory, 'signer', 'store.db');
  const store = await openStore(signerDomain, { engine: 'sqlite', file });
  const leaves = await store.read.db.select().from(store.read.t.logLeaves);
  await store.close();
  const refused = leaves.map((row) => JSON.parse(row.leaf)).filter(({ result }) => result === 'refused');
  t.match(refused, [{ detail: { kind: 'sadInvalid', count: 1 } }]);
});
