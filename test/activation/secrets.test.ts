import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import t from 'tap';
import { findSecrets } from '../helpers/secrets.ts';
import { newSigner, randomHashes, readLeaves, signerToken, type TestSigner } from '../helpers/signer.ts';
import { onBothEngines } from '../helpers/stores.ts';

/** The bytes of all files of an SQLite store, write-ahead log included, by name. */
function bytesOf({ location }: TestSigner): Record<string, string> {
  if (location.engine === 'postgresql') throw new Error('its files belong to the server');
  const directory = dirname(location.file);
  const names = readdirSync(directory).filter((name) => name.startsWith(basename(location.file)));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name), 'latin1')]));
}

t.test('S4, S45: no PIN, code, seed, SAD or activation half stands in the files of the store', async (t) => {
  const token = await signerToken(t);
  await onBothEngines(t, async (t, stores) => {
    if (stores.engine === 'postgresql') return void t.pass('the same rows');
    const world = await newSigner(t, stores, token);
    const person = await world.newPerson({ otp: 'email' });
    const places: Record<string, string> = {};
    const look = (moment: string) => {
      for (const [name, bytes] of Object.entries(bytesOf(world))) places[`${name} ${moment}`] = bytes;
    };

    look('after the activation');
    world.notify.away = true;
    const { caller, credentialID } = person;
    await world.call('credentials.sendOTP', { ...caller, credentialID });
    look('with a code that waits');
    world.notify.away = false;
    const code = (await world.notify.sent('oneTimeCode', person.email)).values.code!;
    const [hash] = randomHashes(1);
    const sad = await person.authorize([hash!], { otp: code });
    look('with a SAD');
    const extended = await person.extend(sad);
    look('with another SAD');
    await person.signHash(extended, [hash!]);
    await world.advance(30_000);
    const next = await person.sendCode();
    look('at the end');

    const { halves, pin, totpSecret } = person;
    const secrets = { ...halves, pin, totpSecret, code, next, sad, extended };
    const bare = Object.entries(halves).map(([name, half]) => [`${name} without dashes`, half.replaceAll('-', '')]);
    const raw = [sad, extended].map((text, n) => [
      `SAD ${n} as bytes`,
      Buffer.from(text, 'base64url').toString('latin1'),
    ]);
    const all = { ...secrets, ...Object.fromEntries([...bare, ...raw]) };
    t.ok(
      Object.keys(places).some((name) => name.includes('-wal')),
      'the log of writes is looked at',
    );
    t.same(findSecrets(places, all), []);
    t.same(findSecrets({ log: JSON.stringify(await readLeaves(world.store)) }, all), []);

    await world.store.write((tx) =>
      tx.db.insert(tx.t.notices).values({ id: 'planted', createdAt: 0, sealed: Buffer.from(JSON.stringify(secrets)) }),
    );
    const planted = findSecrets(bytesOf(world), secrets).map((found) => found.split(' in ')[0]);
    t.same(new Set(planted), new Set(Object.keys(secrets)), 'a planted one is found, whichever it is');
  });
});
