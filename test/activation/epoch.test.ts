import t, { type Test } from 'tap';
import { beginEpoch } from '../../src/activation/begin-epoch.ts';
import { upkeep } from '../../src/activation/upkeep.ts';
import { openWatermark } from '../../src/activation/watermark.ts';
import { eq } from '../../src/store/drizzle.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { fakeClock, newSigner, randomHashes, readLeaves, signerToken, type TestSigner } from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

const year = 365 * 24 * 3_600_000;

t.test('another life of a store, and a store that was set back', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };
  const restored = async (world: TestSigner, clock = world.clock) => {
    await beginEpoch({ store: world.store, token, clock, why: 'test' });
    return world.again({ clock });
  };
  const file = () => {
    const kept: { text?: string; read(): string | undefined; write(text: string): void } = {
      read: () => kept.text,
      write: (text) => {
        kept.text = text;
      },
    };
    return kept;
  };
  const watch = ({ store, signer }: TestSigner, kept: ReturnType<typeof file>) =>
    openWatermark({ store, rows: signer.rows, token, file: kept });
  const older = { ...refused('configuration'), message: /older than the one.*kyso signer restored/ };

  await rulesOnBothEngines(t, {
    'S69: no SAD and no code from before counts in a new epoch, used or not; PIN and keys do': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const byMail = await person.newCredential({ otp: 'email' });
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const mailed = await byMail.sendCode();
      await world.advance(30_000);
      const unused = person.code();
      const next = await restored(world);
      const params = { ...person.caller, credentialID: person.credentialID, hashes: [hash!.toString('base64')] };
      const sign = next.call('signatures.signHash', { ...params, sad, signAlgo: '1.2.840.10045.4.3.2' });
      await t.rejects(sign, refused('sadInvalid'));
      const authorize = (otp: string, credentialID = person.credentialID) =>
        next.call('credentials.authorize', {
          ...{ ...params, numSignatures: 1, openSlots: false, pin: person.pin, otp, credentialID },
          ...(credentialID === byMail.credentialID && { grant: byMail.caller.grant }),
        });
      await t.rejects(authorize(unused), refused('otpInvalid'), 'a code that was not used, as far as this store knows');
      await t.rejects(authorize(person.code(1)), refused('otpInvalid'), 'that of the next step might have been, too');
      await t.rejects(authorize(mailed, byMail.credentialID), refused('otpInvalid'), 'a code by e-mail');
      await next.advance(60_000);
      const { sad: fresh } = await authorize(person.code());
      const answer = await next.call('signatures.signHash', { ...params, sad: fresh, signAlgo: '1.2.840.10045.4.3.2' });
      t.equal(answer.signatures.length, 1);
      const { epoch } = await next.call('epoch', {});
      t.not(epoch, world.signer.epoch);
      const begun = (await readLeaves(world.store)).filter(({ event }) => event === 'epoch.begun');
      t.match(begun, [{ epoch, detail: { before: world.signer.epoch, why: 'test' } }]);
    },

    'S69, S13: revocations that ca knows come before anything is signed; keys that were lost stop nobody else': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      await person.authorize([hash!]);
      // What ca ordered after the copy was made: a block, and a certificate for a key that is not in the copy.
      const stranger = await (await newSigner(t, stores, token)).newPerson();
      const { subscriber, credentialID } = person;
      const block = world.ca.order({ kind: 'block', credentialID, blocked: true, reason: 'keyCompromise' });
      const lost = 'lost-credential';
      const lineHash = randomHashes(1)[0]!.toString('base64');
      const makeKey = {
        kind: 'makeKey',
        credentialID: lost,
        subscriber,
        keyType: 'EC-P256',
        otp: 'totp',
        lineHash,
      } as const;
      const orders = [
        world.ca.order(makeKey),
        world.ca.order({ kind: 'certificate', credentialID: lost, chain: stranger.chain }),
      ];
      await world.advance(1_000);
      const next = await restored(world);
      t.equal(next.signer.feed.isFresh(), false, 'ca is ahead');
      const status = await next.call('status', {});
      t.match(status, { ready: false, feed: false });
      for (const order of [block, ...orders]) await next.push(order);
      await next.push(next.ca.heartbeat());
      t.ok(next.signer.feed.isFresh());
      await next.advance(90_000);
      const params = { ...person.caller, credentialID, hashes: [hash!.toString('base64')] };
      const authorize = next.call('credentials.authorize', {
        ...{ ...params, numSignatures: 1, openSlots: false, pin: person.pin, otp: person.code() },
      });
      await t.rejects(authorize, refused('credentialDisabled'));
      const { credentialIDs } = await next.call('credentials.list', { subscriber, limit: 10 });
      t.same(credentialIDs, [credentialID], 'the lost one has no certificate');
      t.ok((await readLeaves(next.store)).some(({ event }) => event === 'certificate.keyLost'));
      const later = next.ca.order({ kind: 'certificate', credentialID: lost, chain: stranger.chain });
      await t.rejects(next.push(later), refused('orderRefused'), 'an order of this life is refused as ever');
    },

    'S63: a time that only a wrong clock had seen is named at the start, and gone with the new epoch': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const now = world.clock.now();
      const wrong = await world.again({ clock: fakeClock(now + year) });
      await wrong.push(world.ca.heartbeat({ at: now + year }));
      await upkeep(wrong.signer);
      const { factors } = world.store.read.t;
      const row = (await wrong.signer.rows.factors.find(world.store.read, { subscriber: person.subscriber }))!;
      const far = {
        lastStep: Math.floor((now + year) / 30_000),
        otpLockedUntil: now + year,
        pinLockedUntil: now + year,
      };
      await world.store.write(async (tx) => {
        const locked = await wrong.signer.rows.factors.lock(tx, { subscriber: person.subscriber });
        await wrong.signer.rows.factors.replace(tx, locked ?? row, far);
      });
      const clock = fakeClock(now + 1_000);
      const named = { ...refused('clockUntrusted'), message: /set the clock right.*kyso signer restored/ };
      await t.rejects(world.again({ clock }), named);
      await beginEpoch({ store: world.store, token, clock, why: 'test' });
      const next = await world.again({ clock });
      const [after] = await world.store.read.db.select().from(factors).where(eq(factors.subscriber, person.subscriber));
      t.ok(after!.lastStep < far.lastStep && after!.pinLockedUntil <= now + 3_700_000, 'nobody waits for a year');
      clock.advance(3_700_000);
      await next.push(next.ca.heartbeat({ at: clock.now() }));
      t.equal(next.signer.time.now(), clock.now());
      t.ok(hash && next.signer.time.isTrusted());
    },

    'S69: a store behind the mark that its last life left is refused, until the operator says that it counts': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const kept = file();
      await upkeep(world.signer);
      await (await watch(world, kept)).keep();
      const { logHead, settings } = world.store.read.t;
      await watch(world, kept);
      t.pass('the same store goes on');
      await person.authorize(randomHashes(1));
      await upkeep(world.signer);
      const running = await watch(world, kept);
      await running.keep();
      const newest = kept.text!;
      const [place] = await world.store.read.db.select().from(settings).where(eq(settings.name, 'feedPlace'));
      const [time] = await world.store.read.db.select().from(settings).where(eq(settings.name, 'lastInstant'));
      const [size] = await world.store.read.db.select().from(logHead);
      const back: Record<string, () => Promise<unknown>> = {
        'fewer log entries': () => world.store.write((tx) => tx.db.update(logHead).set({ size: size!.size - 1 })),
        'fewer orders': () =>
          world.store.write(async (tx) => {
            const row = (await world.signer.rows.settings.lock(tx, { name: 'feedPlace' }))!;
            await world.signer.rows.settings.replace(tx, row, { value: '1 x' });
          }),
        'an earlier instant': () =>
          world.store.write(async (tx) => {
            const row = (await world.signer.rows.settings.lock(tx, { name: 'lastInstant' }))!;
            await world.signer.rows.settings.replace(tx, row, { value: '1' });
          }),
      };
      for (const [what, set] of Object.entries(back)) {
        await set();
        await t.rejects(watch(world, kept), older, what);
        await t.rejects(running.keep(), older, `${what}, under a running signer`);
        t.equal(kept.text, newest, 'the mark stays');
        await world.store.write(async (tx) => {
          await tx.db.update(logHead).set({ size: size!.size });
          await tx.db.update(settings).set(place!).where(eq(settings.name, 'feedPlace'));
          await tx.db.update(settings).set(time!).where(eq(settings.name, 'lastInstant'));
        });
      }
      const forged = newest.replace(/"leaves":\d+/, '"leaves":1');
      for (const text of [forged, '{}', 'x'])
        await t.rejects(watch(world, { ...kept, read: () => text }), refused('configuration'), text.slice(0, 20));

      await back['fewer orders']!();
      const next = await restored(world);
      await (await watch(next, kept)).keep();
      t.not(kept.text, newest, 'in the new epoch it counts');
      const earlier = { ...kept, read: () => newest };
      await watch(next, earlier);
      t.pass('and so it does for another instance, whose mark is of the epoch before');
      await world.store.write((tx) => tx.db.delete(settings).where(eq(settings.name, 'epoch')));
      const row = { name: 'epoch', value: JSON.stringify({ id: world.signer.epoch, startedAt: 0, before: [] }) };
      await world.store.write((tx) => world.signer.rows.settings.insert(tx, row));
      await t.rejects(watch(next, kept), older, 'a store of an earlier epoch is older, whatever its size');
    },

    'several signers on one store: whoever marks and starts, in any order, no alarm is false': async (t, stores) => {
      if (stores.engine === 'sqlite') return void t.pass('one signer per SQLite store (design §2)');
      const { world, person } = await setUp(t, stores);
      const second = await world.again({ instance: 'signer-2' });
      const [one, two] = [file(), file()];
      const marks = await Promise.all([watch(world, one), watch(second, two)]);
      for (let round = 0; round < 5; round += 1) {
        await person.authorize(randomHashes(1));
        await Promise.all([upkeep(world.signer), upkeep(second.signer), marks[0].keep(), marks[1].keep()]);
        await Promise.all([watch(world, one), watch(second, two), watch(world, two)]);
      }
      t.pass();
    },
  });
});
