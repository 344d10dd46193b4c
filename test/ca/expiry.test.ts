import t from 'tap';
import { initAuthority } from '../../src/ca/ceremony.ts';
import { openAuthority } from '../../src/ca/context.ts';
import { type Expiring, expiring, expiryAlarms } from '../../src/ca/expiry-alarms.ts';
import { assertTokenOfStore } from '../../src/ca/own-token.ts';
import { caDomain } from '../../src/store/ca/tables.ts';
import { eq } from '../../src/store/drizzle.ts';
import { caToken, ceremonyNames } from '../helpers/certification-authority.ts';
import { fakeClock } from '../helpers/fake-clock.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';

const token = await caToken(t);
const day = 86_400_000;

await rulesOnBothEngines(t, {
  'S85: an alarm 90, 30 and 7 days before anything of ca ends, once each, and what has ended is off': async (
    t,
    stores,
  ) => {
    const store = await stores.open(caDomain);
    const clock = fakeClock();
    await initAuthority({ store, token, clock, ...ceremonyNames });
    const open = () => openAuthority({ store, token, clock, mode: 'sandbox', urls: ceremonyNames.urls });
    const { pki } = await open();
    const raised: Expiring[] = [];
    const alarms = expiryAlarms(pki, clock, (alarm) => raised.push(alarm));
    const short = () => raised.splice(0).map(({ id, threshold }) => `${id} ${threshold}`);
    const until = (id: string, days: number) => clock.advance((pki.byId(id)?.notAfter ?? 0) - days * day - clock.now());

    alarms.check();
    t.strictSame(alarms.list(), [], 'nothing ends soon');
    until('ocsp-rsa-1', 90);
    alarms.check();
    t.strictSame(short(), [], '90 days to the second are none');
    clock.advance(1);
    alarms.check();
    alarms.check();
    t.strictSame(short(), ['ocsp-rsa-1 90', 'ocsp-ec-1 90'], 'each says it once');
    t.match(alarms.list()[0], { id: 'ocsp-rsa-1', threshold: 90, rollover: 'ocsp-rsa' });
    clock.advance(60 * day);
    alarms.check();
    t.strictSame(short(), ['ocsp-rsa-1 30', 'ocsp-ec-1 30']);
    clock.advance(23 * day);
    alarms.check();
    t.strictSame(short(), ['ocsp-rsa-1 7', 'ocsp-ec-1 7']);
    t.equal(pki.issuerOf('RSA-2048').responder().id, 'ocsp-rsa-1', 'it works to its last second');
    clock.advance(7 * day);
    alarms.check();
    t.strictSame(short(), ['ocsp-rsa-1 0', 'ocsp-ec-1 0']);

    const mend = (kind: string) => ({ ...refused('configuration'), message: new RegExp(`kyso ca rollover ${kind}$`) });
    t.throws(() => pki.issuerOf('RSA-2048').responder(), mend('ocsp-rsa'));
    t.equal(pki.timestamper().id, 'tsa-1', 'the rest works on');
    const restarted = (await open()).pki;
    t.throws(() => restarted.issuerOf('EC-P256').responder(), mend('ocsp-ec'), 'also after a start');
    await t.rejects(restarted.byId('ocsp-ec-1')!.key.sign(Buffer.of(1)), refused('configuration'));
    await assertTokenOfStore(store, token, clock);

    until('tsa-1', 0);
    clock.advance(1);
    t.throws(() => pki.timestamper(), mend('tsa'));
    until('issuing-rsa-1', 0);
    clock.advance(1);
    t.throws(() => pki.issuerOf('RSA-2048'), mend('issuing-rsa'), 'nothing is issued that would outlive its issuer');
    alarms.check();
    t.strictSame(short().sort(), ['issuing-ec-1 0', 'issuing-rsa-1 0', 'tsa-1 0']);
  },

  'S85: what has a successor with a later end is no alarm; a responder of another issuer is none': async (
    t,
    stores,
  ) => {
    const store = await stores.open(caDomain);
    const clock = fakeClock();
    await initAuthority({ store, token, clock, ...ceremonyNames });
    const { pki } = await openAuthority({ store, token, clock, mode: 'sandbox', urls: ceremonyNames.urls });
    const old = pki.byId('ocsp-rsa-1')!;
    const later = { ...old, id: 'ocsp-rsa-2', notAfter: old.notAfter + 400 * day };
    const ids = (...more: (typeof old)[]) => expiring([old, ...more], old.notAfter - day).map(({ id }) => id);
    t.strictSame(ids(), ['ocsp-rsa-1']);
    t.strictSame(ids(later), []);
    t.strictSame(ids({ ...later, issuer: 'issuing-rsa-2' }), ['ocsp-rsa-1']);
    t.strictSame(ids({ ...later, notAfter: old.notAfter }), ['ocsp-rsa-1', 'ocsp-rsa-2'].slice(0, 2));
    const issuer = { ...pki.byId('issuing-rsa-1')!, notAfter: old.notAfter };
    const after = (now: number) => expiring([issuer, old], now).map(({ id }) => id);
    t.strictSame(after(issuer.notAfter), ['issuing-rsa-1', 'ocsp-rsa-1'], 'to its last second it is asked about');
    t.strictSame(after(issuer.notAfter + 1), ['issuing-rsa-1'], 'the responder of what has ended needs no successor');
  },

  'S85: at start a chain that does not build, or a key that is not the token’s, is named': async (t, stores) => {
    const store = await stores.open(caDomain);
    const clock = fakeClock();
    await initAuthority({ store, token, clock, ...ceremonyNames });
    const urls = ceremonyNames.urls;
    const authority = await openAuthority({ store, token, clock, mode: 'sandbox', urls });
    const { rows } = authority;
    const change = (id: string, changes: object) =>
      store.write(async (tx) => {
        const row = await rows.authorities.lock(tx, { id });
        await rows.authorities.replace(tx, row!, changes);
      });
    await change('tsa-1', { issuer: 'issuing-ec-1' });
    const open = () => openAuthority({ store, token, clock, mode: 'sandbox', urls });
    await t.rejects(open(), { ...refused('integrity'), message: /certificate of tsa-1 is not one of issuing-ec-1/ });
    await t.rejects(authority.pki.reload(), refused('integrity'));
    t.equal(authority.pki.timestamper().issuer, 'issuing-rsa-1', 'a running ca keeps what it had');
    await change('tsa-1', { issuer: 'issuing-rsa-1', label: 'kyso-ca-ocsp-ec-1' });
    await t.rejects(open(), { ...refused('configuration'), message: /another key for tsa-1/ });
    await t.rejects(assertTokenOfStore(store, token, clock), { message: /its key of tsa-1 is another one/ });
    const { authorities } = store.read.t;
    await store.write((tx) => tx.db.delete(authorities).where(eq(authorities.id, 'root-1')));
    await change('tsa-1', { label: 'kyso-ca-tsa-1' });
    await t.rejects(open(), refused('integrity'), 'a root that is gone');
  },
});
