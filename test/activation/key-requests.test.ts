import { execFileSync } from 'node:child_process';
import { createPublicKey, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { upkeep } from '../../src/activation/upkeep.ts';
import { KysoError } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import { encodeName } from '../../src/pki/names.ts';
import { furtherKey, statusOrder } from '../helpers/further-key.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { makeShim } from '../helpers/shim.ts';
import { newSigner, randomHashes, readLeaves, type TestSigner } from '../helpers/signer.ts';
import { makeSignerToken, openTestToken } from '../helpers/watched-token.ts';

const subject = encodeName({
  ...{ country: 'VN', locality: 'Quảng Ngãi', organisation: 'ỦY BAN NHÂN DÂN TỈNH QUẢNG NGÃI' },
  ...{ organisationalUnits: ['TRƯỜNG THCS SỐ 1'], commonName: 'Nguyễn Thị Ánh' },
});

/** What openssl says of a PKCS#10 request, once it has verified that its key signed it. */
function judge(t: Test, request: string): { text: string; key: Buffer } {
  const file = join(t.testdir(), 'request.der');
  writeFileSync(file, Buffer.from(request, 'base64'));
  const openssl = (...args: string[]) =>
    execFileSync('openssl', ['req', '-inform', 'DER', '-in', file, '-noout', ...args], { stdio: 'pipe' });
  const verified = execFileSync('sh', ['-c', `openssl req -inform DER -in ${file} -noout -verify 2>&1`]).toString();
  t.match(verified, /verify OK/);
  const names = ['-subject', '-nameopt', 'utf8,sep_comma_plus'];
  return { text: openssl('-text', ...names).toString(), key: openssl('-pubkey') };
}

const events = async ({ store }: TestSigner) =>
  (await readLeaves(store)).map(({ event }) => String(event)).filter((event) => /^key\.(ended|destroyed)/.test(event));

t.test('keys with a request, and keys that stay in the token', async (t) => {
  const made = await makeSignerToken(t);
  const shim = makeShim(t);
  shim.control('hide 0x210a', 'hide 0x210b');
  const tokens = {
    wrapped: await openTestToken(t, made),
    resident: await openTestToken(t, made, { module: shim.module, workers: 1 }),
  };
  const names = async () => (await tokens.resident.residentKeys({})).sort();

  await rulesOnBothEngines(t, {
    'S77: a key that ca wants a request for signs one: openssl verifies it, and it comes again the same': async (
      t,
      stores,
    ) => {
      for (const custody of ['wrapped', 'resident'] as const) {
        const world = await newSigner(t, stores, tokens[custody]);
        const { subscriber } = await world.newPerson({ activate: false });
        for (const keyType of ['RSA-2048', 'EC-P256', 'EC-P384'] as const) {
          const order = world.ca.order({
            ...{ kind: 'makeKey', credentialID: newId(), subscriber, keyType, otp: 'totp' },
            ...{ lineHash: randomBytes(32).toString('base64'), subject: subject.toString('base64') },
          });
          const { request, attestation } = await world.push(order);
          const { text, key } = judge(t, request!);
          t.match(text, /CN ?= ?Nguyễn Thị Ánh/);
          t.match(text, keyType === 'RSA-2048' ? /sha256WithRSAEncryption/ : /ecdsa-with-SHA256/);
          const spki = createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64');
          t.equal(spki, JSON.parse(attestation!.statement).spki, 'the key that is attested');
          t.same(await world.push(order), { number: world.ca.newest(), request, attestation });
        }
        const [first] = await world.store.read.db.select().from(world.store.read.t.keys);
        t.equal(first?.mechanism === 'resident', custody === 'resident');
      }
      for (const name of await names()) await tokens.resident.destroyResident({ name });
    },

    'no request without a subject': async (t, stores) => {
      const world = await newSigner(t, stores, tokens.wrapped);
      const person = await world.newPerson({ activate: false });
      const { credentialID, subscriber } = person;
      const again = await world.push(
        world.ca.order({
          ...{ kind: 'makeKey', credentialID, subscriber, keyType: 'EC-P256', otp: 'totp', keyVersion: 2 },
          lineHash: randomBytes(32).toString('base64'),
        }),
      );
      t.same(Object.keys(again).sort(), ['attestation', 'number']);
    },

    'a key that stays in the token is destroyed there when it ends, also when the token was away at first': async (
      t,
      stores,
    ) => {
      const world = await newSigner(t, stores, tokens.resident);
      const person = await world.newPerson();
      const other = await person.newCredential();
      t.equal((await names()).length, 2);
      await world.obey(statusOrder(person, 'revoked'));
      const { destroyResident } = world.token;
      world.token.destroyResident = () => Promise.reject(new KysoError('tokenUnavailable'));
      await t.rejects(upkeep(world.signer), refused('tokenUnavailable'));
      t.same(await events(world), ['key.ended']);
      t.equal((await names()).length, 2);
      const next = await world.again();
      Object.assign(world.token, { destroyResident });
      await upkeep(next.signer);
      t.same((await events(next)).sort(), ['key.destroyed', 'key.ended']);
      t.equal((await names()).length, 1);
      const hashes = randomHashes(1);
      await next.push(next.ca.heartbeat());
      await world.push(world.ca.heartbeat());
      t.equal((await other.signHash(await other.authorize(hashes), hashes)).length, 1, 'the other one is there');

      const { order } = await furtherKey(world, other, 2);
      t.equal((await names()).length, 2, 'beside the old one');
      await world.obey(order);
      await upkeep(world.signer);
      t.equal((await names()).length, 1, 'in its place');
      await world.push(world.ca.heartbeat());
      t.equal((await other.signHash(await other.authorize(hashes), hashes)).length, 1);
      for (const name of await names()) await tokens.resident.destroyResident({ name });
    },
  });
});
