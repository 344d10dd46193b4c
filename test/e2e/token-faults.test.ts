import { createHash, randomBytes, verify, X509Certificate } from 'node:crypto';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { KeyTypeName } from '../../src/crypto/algorithms.ts';
import { descendants } from '../helpers/processes.ts';
import { callRaw, startSandbox } from '../helpers/sandbox.ts';
import { makeShim } from '../helpers/shim.ts';
import { until } from '../helpers/until.ts';

const algorithms: Partial<Record<KeyTypeName, string>> = {
  'EC-P256': '1.2.840.10045.4.3.2',
  'RSA-2048': '1.2.840.113549.1.1.11',
};

/** A person with an authorization of this many documents, whose hashes are asked for one at a time. */
async function authorized(keyType: KeyTypeName, count: number) {
  const person = await sandbox.newPerson([keyType]);
  const token = await person.login();
  const documents = Array.from({ length: count }, () => randomBytes(32));
  const hash = documents.map((document) => createHash('sha256').update(document).digest('base64'));
  const [credentialID] = person.credentialIDs;
  const { body } = await callRaw(`${sandbox.csc}/credentials/authorize`, token, {
    ...{ credentialID, numSignatures: count, hash, PIN: person.holder.pin, OTP: await person.nextCode() },
  });
  const info = await callRaw(`${sandbox.csc}/credentials/info`, token, { credentialID });
  const { publicKey } = new X509Certificate(Buffer.from(info.body.cert.certificates[0], 'base64'));
  const sign = (index: number) =>
    callRaw(`${sandbox.csc}/signatures/signHash`, token, {
      ...{ credentialID, SAD: body.SAD, hash: [hash[index]], signAlgo: algorithms[keyType] },
    });
  const good = (index: number, signature: string) =>
    verify('sha256', documents[index]!, publicKey, Buffer.from(signature, 'base64'));
  return { sign, good, count };
}

type Authorized = Awaited<ReturnType<typeof authorized>>;

/** Two requests at a time, each for a hash that was not asked for before, and now and then one that was answered. */
function startLoad({ sign, good, count }: Authorized) {
  const seen = { asked: 0, released: 0, bad: 0, again: 0, statuses: new Set<number>() };
  let stopped = false;
  const answered: number[] = [];
  const loop = async () => {
    while (!stopped && seen.asked < count) {
      const index = seen.asked++;
      const answer = await sign(index);
      seen.statuses.add(answer.status);
      if (answer.status === 200) {
        seen.released += 1;
        answered.push(index);
        if (!good(index, answer.body.signatures[0])) seen.bad += 1;
      }
      if (index % 8 === 0 && answered.length > 0) {
        if ((await sign(answered[0]!)).status === 200) seen.again += 1;
      }
      await delay(answer.status === 200 ? 15 : 100);
    }
  };
  const loops = [loop(), loop()];
  const stop = async () => {
    stopped = true;
    await Promise.all(loops);
  };
  return { seen, stop };
}

const pidsOf = () =>
  ['kyso api', 'kyso signer'].map(
    (name) => descendants(sandbox.supervisor.pid!).find(({ title }) => title === name)?.pid,
  );

const shim = makeShim(t);
const sandbox = await startSandbox(t, { engine: 'sqlite' }, [], shim.module);

t.test(
  'S12: a signature with a wrong bit does not leave: an error of the server, and an alarm in the log',
  async (t) => {
    const { sign, good } = await authorized('EC-P256', 2);
    shim.control('flip C_Sign 1-');
    const answer = await sign(0);
    shim.control();
    t.equal(answer.status, 500);
    t.same(Object.keys(answer.body), ['error', 'error_description']);
    t.notMatch(JSON.stringify(answer.body), /CKR|pkcs|token|verify/i);
    t.match(
      sandbox.log.text,
      /"event":"call failed","process":"signer".*integrity: the token made a signature that does not/,
    );
    t.equal((await sign(0)).status, 400, 'what was spent stays spent');
    const other = await sign(1);
    t.ok(other.status === 200 && good(1, other.body.signatures[0]), 'the other hash of the SAD is signed');
  },
);

t.test(
  'S51: the token goes and comes back under load: serving again within 10 s, and nothing else restarts',
  async (t) => {
    const before = pidsOf();
    const signers: Authorized[] = [];
    for (const keyType of ['EC-P256', 'EC-P256', 'RSA-2048'] as const) signers.push(await authorized(keyType, 1000));
    const loads = signers.map(startLoad);
    t.teardown(() => Promise.all(loads.map((load) => load.stop())));
    const released = () => loads.map(({ seen }) => seen.released);
    const more = (by: number, than: number[]) => released().every((count, index) => count >= than[index]! + by);

    const tokens = ['signer', 'ca'].map((name) => join(sandbox.config.directory, name, 'token/tokens'));
    const ways: [string, () => void, () => void][] = [
      ...([0x32, 0xe0, 0x82] as const).map((code): [string, () => void, () => void] => [
        `every call answers 0x${code.toString(16)}`,
        () => shim.takeAway(code),
        () => shim.putBack(),
      ]),
      [
        'SoftHSM shows no objects',
        () => {
          for (const path of tokens) renameSync(path, `${path}-away`);
        },
        () => {
          for (const path of tokens) renameSync(`${path}-away`, path);
        },
      ],
    ];
    for (const [way, takeAway, putBack] of ways) {
      const served = released();
      await until(() => more(10, served));
      takeAway();
      await until(async () => (await fetch(`${sandbox.baseUrl}/health/ready`)).status === 503);
      t.equal((await fetch(`${sandbox.baseUrl}/health/live`)).status, 200, `${way}: not ready, but alive`);
      await delay(1000);
      const count = released();
      await delay(200);
      t.same(released(), count, 'nothing is signed meanwhile');
      putBack();
      const begun = performance.now();
      await until(() => more(1, count));
      const seconds = (performance.now() - begun) / 1000;
      t.comment(`${way}: every credential signs again after ${seconds.toFixed(2)} s`);
      t.ok(seconds < 10, 'S51: within 10 s');
    }

    await Promise.all(loads.map((load) => load.stop()));
    for (const { seen } of loads) {
      t.match(seen, { bad: 0, again: 0 }, 'S12, S51: no signature by another key, none for a hash that was spent');
      t.ok(seen.released > 40 && seen.asked < 1000, `${seen.released} of ${seen.asked} were released`);
      t.same(
        [...seen.statuses].filter((status) => ![200, 503].includes(status)),
        [],
        'and the rest had a 503',
      );
    }
    t.same(pidsOf(), before, 'api and signer are the processes they were');
    const initialised = shim.calls().flatMap((call) => (call.function === 'C_Initialize' ? [call.pid] : []));
    t.equal(new Set(initialised).size, initialised.length, 'S49: no process initialised the module twice');
    t.notOk(
      before.some((pid) => initialised.includes(pid!)),
      'S49: and neither api nor signer did',
    );
  },
);
