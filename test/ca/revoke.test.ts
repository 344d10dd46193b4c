import t from 'tap';
import { setFailpoints } from '../../src/base/failpoint.ts';
import type { Authority } from '../../src/ca/context.ts';
import { publishShard } from '../../src/ca/crl.ts';
import { crlInForce } from '../../src/ca/crl-in-force.ts';
import { reasonNames, revocationReasons } from '../../src/ca/revocation-reasons.ts';
import { type Act, acts, judge, type Level, levels, type Revocation } from '../../src/ca/revocation-rules.ts';
import { hold, release, resumeRevocations, revoke } from '../../src/ca/revoke.ts';
import { crlEntries, readCrl } from '../../src/pki/crl-reader.ts';
import { crlReasons } from '../../src/pki/crl-reasons.ts';
import type { CaStore } from '../../src/store/ca/tables.ts';
import { certified, eventsOf, ordersOf } from '../helpers/ca-records.ts';
import { caToken, fakeSigner, newAuthority } from '../helpers/certification-authority.ts';
import { issued } from '../helpers/issued.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';

const token = await caToken(t);
const by = (level: Level) => ({ level, name: 'x' });
const reason = 'keyCompromise';

/** What signer is told of a credential after its certificate, in short. */
const toldOf = async (store: CaStore) =>
  (await ordersOf(store)).flatMap((order) =>
    order.kind === 'block' ? [`blocked ${order.blocked}`] : order.kind === 'status' ? [order.status] : [],
  );

/** The entries of a certificate's CRL after its next publication. */
async function crlOf(authority: Authority, shard: string) {
  await publishShard(authority, shard);
  const found = await crlInForce(authority, shard, 0);
  return [...crlEntries(readCrl(found!.crl!))];
}

await rulesOnBothEngines(t, {
  'a revoked certificate: key blocked, then status and CRL entry, each with its order and leaf': async (t, stores) => {
    const { authority, store } = await newAuthority(stores, token, fakeSigner());
    const { serialNumber, credential, shard } = await certified(authority);
    t.same(await crlOf(authority, shard), [], 'good: no entry');
    const first = await revoke(authority, { serialNumber, reason, by: by('officer') });
    t.match(first, {
      serialNumber,
      credential,
      revocation: 'revoked',
      reason,
      revokedBy: 'officer',
      revokedAt: Number,
    });
    t.same(await toldOf(store), ['blocked true', 'revoked'], 'nobody waits for signer');
    t.same(await eventsOf(store, 'certificate.revoke'), ['certificate.revoke intended', 'certificate.revoke done']);
    const at = new Date(Math.floor(first.revokedAt! / 1000) * 1000);
    t.same(await crlOf(authority, shard), [{ serialNumber, revokedAt: at, reason: 'keyCompromise' }]);

    const again = await revoke(authority, { credential, reason: 'retired', by: by('operator') });
    t.match(again, { reason, revokedBy: 'officer' }, 'again: nothing new, the first reason stays');
    t.equal((await toldOf(store)).length, 2);
  },

  'a certificate that signer has been sent, and ca does not know to be there yet, is blocked like any other': async (
    t,
    stores,
  ) => {
    const { authority, store } = await newAuthority(stores, token, fakeSigner());
    const { serialNumber, credential } = await certified(authority);
    const { rows } = authority;
    const sent = { lineHash: 'x', certificate: serialNumber, certificateOrder: 1 };
    await store.write(async (tx) => {
      const row = await rows.credentials.lock(tx, { id: credential });
      await rows.credentials.replace(tx, row!, { certificate: null, line: 'x', status: 'new' });
      await rows.lines.insert(tx, {
        ...{ credential, procedure: 'issue', list: 'x', text: '{}', status: 'issued', keyVersion: 1, keyOrder: null },
        ...{ spki: null, attestation: null, refusal: null, createdAt: 0, ...sent },
      });
    });
    await revoke(authority, { serialNumber, reason: 'retired', by: by('officer') });
    t.same(await toldOf(store), ['blocked true', 'revoked'], 'these orders come after the one that installs it');
  },

  'a compromised key takes all of its certificates along, also those that a kill kept from it': async (t, stores) => {
    const { authority, store } = await newAuthority(stores, token, fakeSigner());
    const { serialNumber, credential, spki } = await certified(authority);
    const before = await issued(authority, 'EC-P256', { credential, spki });
    const otherKey = await issued(authority, 'EC-P256', { credential, spki: Buffer.from('another') });
    const begun = { credential, by: by('officer') };
    await revoke(authority, { ...begun, reason: 'keyCompromise' });
    await resumeRevocations(authority);
    const standing = async (serial: string) =>
      (await authority.rows.certificates.find(store.read, { serialNumber: serial }))?.revocation;
    t.same(await Promise.all([serialNumber, before.serialNumber, otherKey.serialNumber].map(standing)), [
      'revoked',
      'revoked',
      'none',
    ]);
    t.same(await toldOf(store), ['blocked true', 'revoked'], 'signer hears of the one that it has');
    t.same(
      (await crlOf(authority, before.shard)).map((entry) => entry.serialNumber).sort(),
      [serialNumber, before.serialNumber].sort(),
    );
  },

  'a hold that meets a revocation in between is over, and keeps no other command waiting': async (t, stores) => {
    const { authority, store } = await newAuthority(stores, token, fakeSigner());
    const { rows } = authority;
    const [first, second] = [await certified(authority), await certified(authority)];
    setFailpoints((name) => {
      if (name === 'revocation.begun') throw new Error('killed');
    });
    for (const { serialNumber } of [first, second])
      await t.rejects(hold(authority, { serialNumber, reason: 'deviceLost', by: by('officer') }), {
        message: 'killed',
      });
    setFailpoints(undefined);
    await store.write(async (tx) => {
      const row = await rows.certificates.lock(tx, { serialNumber: first.serialNumber });
      await rows.certificates.replace(tx, row!, { revocation: 'revoked', reason: 'keyCompromise', revokedAt: 1 });
    });
    await resumeRevocations(authority);
    const standing = async ({ serialNumber }: { serialNumber: string }) =>
      (await rows.certificates.find(store.read, { serialNumber }))?.revocation;
    t.same([await standing(first), await standing(second)], ['revoked', 'hold']);
    t.same(await rows.revocations.list(store.read, { status: 'begun' }), []);
  },

  'who names the credential means the certificate that is on its way to signer, too': async (t, stores) => {
    const { authority, store } = await newAuthority(stores, token, fakeSigner());
    const { rows } = authority;
    const { serialNumber, credential } = await certified(authority);
    const next = await issued(authority, 'EC-P256', { credential, spki: Buffer.from('another') });
    await store.write(async (tx) => {
      const row = await rows.credentials.lock(tx, { id: credential });
      await rows.credentials.replace(tx, row!, { line: 'x' });
      await rows.lines.insert(tx, {
        ...{ credential, procedure: 'rekey', list: 'x', text: '{}', status: 'issued', keyVersion: 2, keyOrder: null },
        ...{ spki: null, attestation: null, refusal: null, createdAt: 0, lineHash: 'x' },
        ...{ certificate: next.serialNumber, certificateOrder: 1 },
      });
    });
    await revoke(authority, { credential, reason: 'retired', by: by('officer') });
    await resumeRevocations(authority);
    for (const each of [serialNumber, next.serialNumber])
      t.match(await rows.certificates.find(store.read, { serialNumber: each }), { revocation: 'revoked' });
    t.same(await toldOf(store), ['blocked true', 'revoked', 'revoked']);
  },

  'a block goes with the hold that brought it, also when another certificate took its place': async (t, stores) => {
    const { authority, store } = await newAuthority(stores, token, fakeSigner());
    const { rows } = authority;
    const { serialNumber, credential } = await certified(authority);
    await hold(authority, { serialNumber, reason: 'deviceLost', by: by('officer') });
    const next = await issued(authority, 'EC-P256', { credential });
    await store.write(async (tx) => {
      const row = await rows.credentials.lock(tx, { id: credential });
      await rows.credentials.replace(tx, row!, { certificate: next.serialNumber });
    });
    await release(authority, { serialNumber, by: by('officer') });
    t.same(await toldOf(store), ['blocked true', 'hold', 'blocked false']);
  },

  'S78: only a hold is lifted, and only by who set it or higher': async (t, stores) => {
    const { authority, store } = await newAuthority(stores, token, fakeSigner());
    const { serialNumber, credential, shard } = await certified(authority);
    const held = await hold(authority, { credential, reason: 'deviceLost', by: by('organisation') });
    t.match(held, { serialNumber, revocation: 'hold', revokedBy: 'organisation' });
    t.match(await crlOf(authority, shard), [{ serialNumber, reason: 'certificateHold' }]);
    await t.rejects(release(authority, { credential, by: by('subscriber') }), {
      ...refused('orderRefused'),
      message: /organisation.*higher/,
    });
    t.same(await toldOf(store), ['blocked true', 'hold']);
    await hold(authority, { credential, reason: 'authorityRequest', by: by('officer') });
    await t.rejects(
      release(authority, { credential, by: by('organisation') }),
      refused('orderRefused'),
      'a higher hold',
    );
    t.match(await release(authority, { credential, by: by('officer') }), { revocation: 'none', reason: null });
    t.same((await toldOf(store)).slice(-2), ['good', 'blocked false'], 'good again before it signs again');
    t.same(await crlOf(authority, shard), [], 'its entry is gone');
    t.match(await release(authority, { credential, by: by('subscriber') }), { revocation: 'none' }, 'twice');
    t.match(await eventsOf(store, 'certificate.release'), [/refused/, /refused/, /intended/, /done/]);

    const start = (await hold(authority, { credential, reason, by: by('operator') })).revokedAt;
    const ended = await revoke(authority, { credential, reason, by: by('subscriber') });
    t.match(ended, { revocation: 'revoked', revokedAt: start }, 'X.509: revoked since the hold');
    for (const act of [release, hold])
      await t.rejects(act(authority, { credential, reason, by: by('operator') }), refused('orderRefused'), 'for ever');
    t.match(await crlOf(authority, shard), [{ serialNumber, reason: 'keyCompromise' }]);
  },

  'N at once: one command, one entry, one of each order': async (t, stores) => {
    const { authority, store, open } = await newAuthority(stores, token, fakeSigner());
    const other = await open();
    const { serialNumber, shard } = await certified(authority);
    const all = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        revoke(n % 2 ? authority : other, { serialNumber, reason, by: by('officer') }),
      ),
    );
    t.equal(new Set(all.map((standing) => JSON.stringify(standing))).size, 1);
    t.same(await toldOf(store), ['blocked true', 'revoked']);
    t.equal((await eventsOf(store, 'certificate.revoke')).length, 2);
    t.equal((await crlOf(authority, shard)).length, 1);
  },

  'hold, release and revoke of one certificate at once end revoked and blocked': async (t, stores) => {
    const { authority, store } = await newAuthority(stores, token, fakeSigner());
    const { serialNumber, shard } = await certified(authority);
    const asked = { serialNumber, reason, by: by('officer') } as const;
    const calls = [hold, release, revoke, release, hold].map((act) => act(authority, asked));
    await Promise.allSettled(calls);
    t.match(await revoke(authority, asked), { revocation: 'revoked' });
    const told = await toldOf(store);
    t.equal(told.filter((one) => one.startsWith('blocked')).at(-1), 'blocked true');
    t.equal(told.filter((one) => !one.startsWith('blocked')).at(-1), 'revoked');
    t.match(await crlOf(authority, shard), [{ serialNumber }]);
  },

  'S89: a kill between the two halves, or a write of either that fails: the command is ended at the restart': async (
    t,
    stores,
  ) => {
    const { authority, store, open } = await newAuthority(stores, token, fakeSigner());
    for (const [act, ends, told] of [
      [revoke, 'revoked', ['blocked true', 'revoked']],
      [hold, 'hold', ['blocked true', 'hold']],
      [release, 'none', ['blocked true', 'hold', 'good', 'blocked false']],
    ] as const) {
      for (const place of ['revocation.begun', 'second write', 'first write'] as const) {
        const { serialNumber, shard } = await certified(authority);
        const asked = { serialNumber, reason, by: by('officer') } as const;
        if (act === release) await hold(authority, asked);
        const before = (await toldOf(store)).length - (act === release ? 2 : 0);
        await t.rejects(act(dying(authority, place), asked), { message: 'killed' }, `${act.name}: ${place}`);
        setFailpoints(undefined);
        const restarted = await open();
        await resumeRevocations(restarted);
        if (place === 'first write') {
          t.equal((await toldOf(store)).length - before, act === release ? 2 : 0, 'nothing was begun');
          await act(restarted, asked);
        }
        const row = await restarted.rows.certificates.find(store.read, { serialNumber });
        t.equal(row?.revocation, ends);
        t.same((await toldOf(store)).slice(before), told, 'each order once');
        const entries = (await crlOf(restarted, shard)).filter((entry) => entry.serialNumber === serialNumber);
        t.equal(entries.length, ends === 'none' ? 0 : 1);
        await resumeRevocations(restarted);
        t.same((await toldOf(store)).slice(before), told, 'nothing is left to end');
      }
    }
  },

  'what cannot be revoked': async (t, stores) => {
    const { authority, store } = await newAuthority(stores, token, fakeSigner());
    const nobody = refused('credentialUnknown');
    await t.rejects(revoke(authority, { serialNumber: 'AB', reason, by: by('officer') }), nobody);
    await t.rejects(revoke(authority, { credential: 'x', reason, by: by('officer') }), nobody);
    const { serialNumber } = await certified(authority);
    await store.write(async (tx) => {
      const row = await authority.rows.certificates.lock(tx, { serialNumber });
      await authority.rows.certificates.replace(tx, row!, { status: 'intended' });
    });
    await t.rejects(revoke(authority, { serialNumber, reason, by: by('officer') }), {
      ...refused('orderRefused'),
      message: /being issued/,
    });
    t.same(await toldOf(store), []);
  },

  'a certificate that another one took the place of is revoked without touching its credential': async (t, stores) => {
    const { authority, store } = await newAuthority(stores, token, fakeSigner());
    const { serialNumber, credential, shard } = await certified(authority);
    await store.write(async (tx) => {
      const row = await authority.rows.credentials.lock(tx, { id: credential });
      await authority.rows.credentials.replace(tx, row!, { certificate: 'another' });
    });
    t.match(await revoke(authority, { serialNumber, reason: 'superseded', by: by('officer') }), {
      revocation: 'revoked',
    });
    t.same(await toldOf(store), [], 'signing goes on with the new one');
    t.match(await crlOf(authority, shard), [{ serialNumber, reason: 'superseded' }]);
  },
});

t.test('every reason leads to a CRLReason, and says where it comes from', async (t) => {
  t.equal(reasonNames.length, 10);
  for (const { crl, source, vi, en } of Object.values(revocationReasons))
    t.ok(crlReasons[crl] > 0 && source && vi && en, en);
});

t.test('S73, S78: all states, acts and levels', async (t) => {
  const verdicts: Record<Act, Record<Revocation, string>> = {
    hold: { none: 'go', hold: 'done', revoked: 'transition' },
    release: { none: 'done', hold: 'go', revoked: 'transition' },
    revoke: { none: 'go', hold: 'go', revoked: 'done' },
  };
  const states = ['none', 'hold', 'revoked'] as const;
  const cases = acts.flatMap((act) =>
    states.flatMap((state) => levels.flatMap((held) => levels.map((asks) => [act, state, held, asks] as const))),
  );
  const found = cases.map(([act, revocation, held, asks]) =>
    judge(act, asks, { revocation, revokedBy: revocation === 'none' ? null : held }),
  );
  const wanted = cases.map(([act, revocation, held, asks]) => {
    const lower = levels.indexOf(asks) < levels.indexOf(held);
    const higher = levels.indexOf(asks) > levels.indexOf(held);
    if (act === 'release' && revocation === 'hold' && lower) return 'level';
    if (act === 'hold' && revocation === 'hold' && higher) return 'go';
    return verdicts[act][revocation];
  });
  t.equal(cases.length, 144);
  t.same(found, wanted);
});

/** An authority whose process dies at a place of a command. */
function dying(authority: Authority, place: 'revocation.begun' | 'first write' | 'second write'): Authority {
  const die = () => Promise.reject(new Error('killed'));
  if (place === 'revocation.begun') {
    setFailpoints((name) => (name === place ? die() : undefined));
    return authority;
  }
  let writes = 0;
  const wanted = place === 'first write' ? 1 : 2;
  const store: CaStore = {
    ...authority.store,
    // All of its work is done, and the commit does not come.
    write: (work) =>
      authority.store.write(async (tx) => {
        const result = await work(tx);
        writes += 1;
        return writes === wanted ? die() : result;
      }),
  };
  return { ...authority, store };
}
