import { createHmac } from 'node:crypto';
import t, { type Test } from 'tap';
import { tokenLabels } from '../../src/activation/context.ts';
import { openDek, signWithKey } from '../../src/activation/keys.ts';
import { openWithSad } from '../../src/activation/sad.ts';
import { upkeep } from '../../src/activation/upkeep.ts';
import { openVault } from '../../src/activation/vault.ts';
import { newBoxKeyPair } from '../../src/crypto/hpke.ts';
import { deriveKey, open } from '../../src/crypto/seal.ts';
import { eq } from '../../src/store/drizzle.ts';
import type { SignerTables, SignerTx } from '../../src/store/signer/tables.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { newSigner, randomHashes, signerToken, type TestSigner } from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

/** Another value of the same type; of what is null only its column knows the type. */
function otherValue(value: unknown, type: string): unknown {
  if (Buffer.isBuffer(value)) return Buffer.concat([value.subarray(0, -1), Buffer.from([value.at(-1)! ^ 1])]);
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') return `${value}x`;
  return type === 'number' ? 1 : Buffer.from('x');
}

/** Each table under MACs: what identifies its rows, and which use must notice a change. Keys are read after the spend. */
const sealed = [
  { table: 'vaults', id: 'subscriber', uses: ['authorize'] },
  { table: 'factors', id: 'subscriber', uses: ['authorize'] },
  { table: 'keys', id: 'id', uses: ['authorize', 'sign'] },
  { table: 'credentials', id: 'id', uses: ['authorize', 'sign'] },
  { table: 'subscribers', id: 'id', uses: ['authorize', 'sign'] },
  { table: 'authorizations', id: 'id', uses: ['sign'] },
] as const;

const exec = (world: TestSigner, work: (tx: SignerTx) => Promise<unknown>) => world.store.write(work);

t.test('a store that somebody else wrote to', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };

  await rulesOnBothEngines(t, {
    'design §7: each column that is changed behind our back ends in integrity, and nothing is signed': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      for (const { table, id, uses } of sealed) {
        // All of these tables have the columns that are named here.
        const source = world.store.read.t[table] as SignerTables['keys'];
        const idColumn = source[id as 'id'];
        // Of several authorizations only the newest can still be used; of the others there is one row.
        const newest = async () => {
          const rows = await world.store.read.db.select().from(source);
          return rows.sort((a, b) => b.createdAt - a.createdAt)[0]!;
        };
        const names = Object.keys(await newest()).filter((name) => name !== 'id' && name !== 'subscriber');
        t.ok(names.includes('mac') && names.includes('version') && names.length > 3);
        for (const name of names) {
          for (const use of uses) {
            const sad = await person.authorize([hash!]);
            const row = await newest();
            const change = { [name]: otherValue(row[name as 'version'], source[name as 'version'].dataType) };
            const one = eq(idColumn, row[id as 'id']);
            await exec(world, (tx) => tx.db.update(source).set(change).where(one));
            const used: Promise<unknown> = use === 'sign' ? person.signHash(sad, [hash!]) : person.authorize([hash!]);
            await t.rejects(used, refused('integrity'), `${table}.${name}: ${use}`);
            await exec(world, (tx) => tx.db.update(source).set(row).where(one));
          }
        }
      }
      t.same(world.token.signed, [], 'the token was not asked');
      await person.signHash(await person.authorize([hash!]), [hash!]);
    },

    'design §7: hashes that are changed, added, taken away or unspent end in integrity': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [first, second, third, evil] = randomHashes(4);
      const sad = await person.authorize([first!, second!, third!]);
      await person.signHash(sad, [first!]);
      const { authorizedHashes: h, authorizations: a } = world.store.read.t;
      const [hashes] = await world.store.read.db.select().from(h);
      const [row] = await world.store.read.db.select().from(a);
      const changes: Record<string, (tx: SignerTx) => Promise<unknown>> = {
        'another digest': (tx) => tx.db.update(h).set({ digests: Buffer.concat([first!, evil!, third!]) }),
        'one more': (tx) => tx.db.update(h).set({ digests: Buffer.concat([hashes!.digests, evil!]) }),
        'one less': (tx) => tx.db.update(h).set({ digests: hashes!.digests.subarray(32) }),
        'another order': (tx) => tx.db.update(h).set({ digests: Buffer.concat([second!, first!, third!]) }),
        none: (tx) => tx.db.delete(h),
        'unspent again': (tx) => tx.db.update(a).set({ spent: Buffer.of(0) }),
        'spent though it is not': (tx) => tx.db.update(a).set({ spent: Buffer.of(3) }),
      };
      const from = world.token.signed.length;
      for (const [what, change] of Object.entries(changes)) {
        await exec(world, change);
        world.signer.hashes.clear();
        for (const hash of [first, second, evil])
          await t.rejects(person.signHash(sad, [hash!]), refused('integrity'), what);
        await exec(world, async (tx) => {
          await tx.db.delete(h);
          await tx.db.insert(h).values(hashes!);
          await tx.db.update(a).set(row!);
        });
      }
      t.equal(world.token.signed.length, from, 'the token was not asked');
      await person.signHash(sad, [second!, third!]);
    },

    'what is remembered of hashes is what was checked, and not what the store says now': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [first, second, evil] = randomHashes(3);
      const sad = await person.authorize([first!, second!]);
      await person.signHash(sad, [first!]);
      const { authorizedHashes: h } = world.store.read.t;
      await exec(world, (tx) => tx.db.update(h).set({ digests: Buffer.concat([evil!, evil!]) }));
      await t.rejects(person.signHash(sad, [evil!]), refused('hashNotAuthorized'));
      await person.signHash(sad, [second!]);
    },

    'design §7: an authorization that is changed just before its UPDATE is not sealed anew': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const { authorizations: a } = world.store.read.t;
      world.store.beforeWrite(() => exec(world, (tx) => tx.db.update(a).set({ remaining: 2, total: 2 })));
      await t.rejects(person.signHash(sad, [hash!]), refused('integrity'));
      t.same(world.token.signed, []);
    },

    'design §7: a changed setting is noticed at the next start': async (t, stores) => {
      const { world } = await setUp(t, stores);
      await upkeep(world.signer);
      const { settings } = world.store.read.t;
      const rows = await world.store.read.db.select().from(settings);
      t.equal(rows.length, 8);
      for (const row of rows) {
        for (const value of ['0', rows.find(({ name }) => name !== row.name)!.value]) {
          await exec(world, (tx) => tx.db.update(settings).set({ value }).where(eq(settings.name, row.name)));
          // It names the token: another one there means another token here.
          const kind = row.name === 'attestationKey' ? 'configuration' : 'integrity';
          await t.rejects(world.again(), refused(kind), row.name);
        }
        await exec(world, (tx) => tx.db.update(settings).set(row).where(eq(settings.name, row.name)));
      }
      await world.again();
    },

    'design §7: the row of one table or person does not pass as that of another': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      const { factors } = world.store.read.t;
      const [theirs] = await world.store.read.db.select().from(factors).where(eq(factors.subscriber, other.subscriber));
      await exec(world, (tx) =>
        tx.db
          .update(factors)
          .set({ ...theirs!, subscriber: person.subscriber })
          .where(eq(factors.subscriber, person.subscriber)),
      );
      await t.rejects(person.authorize(randomHashes(1)), refused('integrity'));
    },

    "S11: two credentials' blobs, DEKs or whole keys in each other's place sign nothing": async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const other = await person.newCredential();
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const { keys } = world.store.read.t;
      const find = async (credential: string) =>
        (await world.store.read.db.select().from(keys).where(eq(keys.credential, credential)))[0]!;
      const [mine, theirs] = [await find(person.credentialID), await find(other.credentialID)];
      const swaps = {
        blobs: ['sealedBlob'],
        DEKs: ['sealedDek'],
        'blobs and DEKs': ['sealedBlob', 'sealedDek'],
        'blobs, DEKs and public keys': ['sealedBlob', 'sealedDek', 'spki'],
      } as const;
      const from = world.token.signed.length;
      for (const [what, columns] of Object.entries(swaps)) {
        const taken = (row: typeof mine) => Object.fromEntries(columns.map((column) => [column, row[column]]));
        await exec(world, async (tx) => {
          await tx.db.update(keys).set(taken(theirs)).where(eq(keys.id, mine.id));
          await tx.db.update(keys).set(taken(mine)).where(eq(keys.id, theirs.id));
        });
        await t.rejects(person.authorize([hash!]), refused('integrity'), `${what}: authorize`);
        // And if the MACs were right, too, as somebody with the token could make them:
        for (const { id } of [mine, theirs]) {
          const [row] = await world.store.read.db.select().from(keys).where(eq(keys.id, id));
          const good = world.signer.mac.seal('keys', row!);
          await exec(world, (tx) => tx.db.update(keys).set(good).where(eq(keys.id, id)));
        }
        await t.rejects(
          (async () => person.signHash(await person.authorize([hash!]), [hash!]))(),
          refused('integrity'),
          `${what}: with right MACs`,
        );
        await exec(world, async (tx) => {
          await tx.db.update(keys).set(mine).where(eq(keys.id, mine.id));
          await tx.db.update(keys).set(theirs).where(eq(keys.id, theirs.id));
        });
      }
      t.equal(world.token.signed.length, from, 'the token was not asked');
      await person.signHash(sad, [hash!]);
    },

    'S3: database, token and its PIN together open no key without the PIN or a SAD of the holder': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const { signer, store } = world;
      const key = (await signer.rows.keys.find(store.read, { credential: person.credentialID }))!;
      const vault = (await signer.rows.vaults.find(store.read, { subscriber: person.subscriber }))!;
      const [authorization] = await signer.rows.authorizations.list(store.read, {});
      const { kek, mechanism, spki } = key;
      const job = { kek, mechanism, spki, digests: [hash!], keyType: 'EC-P256' as const, digest: 'SHA-256' as const };

      const blob = signer.token.sign({ ...job, wrapped: key.sealedBlob });
      await t.rejects(blob, refused('integrity'), 'the blob is not what the KEK wrapped');
      await t.rejects(
        signer.token.sign({ ...job, wrapped: key.sealedBlob.subarray(12, -16) }),
        refused('integrity'),
        'nor is it without nonce and tag',
      );
      const guesses = ['', '00000000', 'pin', person.subscriber, key.id, vault.salt.toString('hex')];
      for (const guess of guesses) {
        t.equal(await openVault(signer, vault, Buffer.from(guess), async () => {}), undefined, `PIN ${guess}`);
        t.throws(() => openWithSad(guess, authorization!), refused('integrity'), `SAD ${guess}`);
      }
      t.throws(() => openWithSad(authorization!.id, authorization!), refused('integrity'), 'the SHA-256 of the SAD');
      await t.rejects(openDek((await newBoxKeyPair()).privateKey, key), refused('integrity'));

      const hmacs = [tokenLabels.pepper, tokenLabels.rowMac, tokenLabels.seeds];
      for (const label of hmacs) {
        for (const data of [vault.salt, vault.publicKey, Buffer.from(person.subscriber), hash!]) {
          const made = await signer.token.hmac({ label, data });
          const derived = deriveKey(made, vault.salt, 'kyso vault');
          t.throws(() => open(derived, vault.sealedPrivate, {}), refused('integrity'));
          await t.rejects(signWithKey(signer, key, made, { digest: 'SHA-256' }, [hash!]), refused('integrity'));
        }
      }
      const notPeppered = createHmac('sha256', 'no token').update(person.pin).digest();
      await t.rejects(signWithKey(signer, key, notPeppered, { digest: 'SHA-256' }, [hash!]), refused('integrity'));

      const dek = openWithSad(sad, authorization!);
      t.equal((await signWithKey(signer, key, dek, { digest: 'SHA-256' }, [hash!])).length, 1, 'with the SAD it opens');
      const privateKey = await openVault(signer, vault, Buffer.from(person.pin), async () => {});
      t.same(await openDek(privateKey!, key), dek, 'and with the PIN');
    },

    'S3: another token, with the same PIN and the database, opens nothing': async (t, stores) => {
      const { world } = await setUp(t, stores);
      const other = await signerToken(t);
      const { startSigner } = await import('../../src/activation/start.ts');
      const { cheapPin } = await import('../helpers/signer.ts');
      const parts = { store: world.store, clock: world.clock, instance: 'x', notify: world.notify, onError: () => {} };
      await t.rejects(startSigner({ ...parts, token: other, pinCost: cheapPin }), refused('configuration'));
    },

    'a tampered authorization does not keep others from being wiped': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await person.authorize(randomHashes(1));
      await person.authorize(randomHashes(1));
      const { authorizations: a } = world.store.read.t;
      const [first] = await world.store.read.db.select().from(a);
      await exec(world, (tx) => tx.db.update(a).set({ remaining: 7 }).where(eq(a.id, first!.id)));
      await world.advance(300_001);
      await t.rejects(upkeep(world.signer), refused('integrity'), 'the operator hears of it');
      const rows = await world.store.read.db.select().from(a);
      t.equal(rows.filter(({ sealedDek }) => sealedDek !== null).length, 1);
      await world.advance(600_001);
      await t.rejects(upkeep(world.signer), refused('integrity'));
      t.same(await world.store.read.db.select().from(a), [], 'and in the end that one is gone, too');
      await upkeep(world.signer);
    },
  });
});
