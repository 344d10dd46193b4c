import t from 'tap';
import { systemClock } from '../../src/base/clock.ts';
import { enrolAttestationKey, initAuthority } from '../../src/ca/ceremony.ts';
import { type CaToken, openAuthority } from '../../src/ca/context.ts';
import { assertTokenOfStore } from '../../src/ca/own-token.ts';
import { readCertificate } from '../../src/pki/read.ts';
import { caDomain } from '../../src/store/ca/tables.ts';
import { eq } from '../../src/store/drizzle.ts';
import { openssl, pemFiles, testKey } from '../helpers/authority.ts';
import { caToken, ceremonyNames } from '../helpers/certification-authority.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';

const clock = systemClock;
const [token, other] = [await caToken(t), await caToken(t)];

await rulesOnBothEngines(t, {
  'S84: the ceremony makes root and issuing authority with keys of the token, once': async (t, stores) => {
    const store = await stores.open(caDomain);
    const options = { store, token, clock, ...ceremonyNames };
    const bad = { ...options, issuing: { ...options.issuing, commonName: 'CA\u202e' } };
    await t.rejects(openAuthority({ store, token, clock, mode: 'sandbox' }), refused('configuration'), 'before it');
    await t.rejects(enrolAttestationKey(options, testKey('EC-P256').spki), refused('configuration'), 'before it');
    await t.rejects(initAuthority(bad), refused('nameRefused'), 'broken off, it leaves nothing');

    const { root, issuing, feedKey } = await initAuthority(options);
    const files = pemFiles(t.testdir(), { root, issuing });
    const verdict = openssl('verify', '-x509_strict', '-check_ss_sig', '-CAfile', `${files.root}`, `${files.issuing}`);
    t.match(verdict, /issuing\.pem: OK/);
    t.equal(readCertificate(root).keyType, 'RSA-3072');
    t.equal(readCertificate(issuing).issuerDN, 'CN=Gốc kiểm thử,O=Kyso kiểm thử,C=VN');

    await t.rejects(initAuthority(options), refused('configuration'), 'a second ceremony is refused');
    const authority = await openAuthority({ store, token, clock, mode: 'sandbox' });
    t.strictSame([authority.root, authority.issuing, authority.feedKey.spki], [root, issuing, feedKey]);

    const key = testKey('EC-P256').spki;
    await enrolAttestationKey(options, key);
    await enrolAttestationKey(options, key);
    await t.rejects(enrolAttestationKey(options, testKey('EC-P256').spki), refused('configuration'), 'a second signer');

    const leaves = await store.read.db.select().from(store.read.t.logLeaves);
    t.strictSame(leaves.map(({ leaf }) => JSON.parse(leaf).event).sort(), [
      'attestationKey.enrolled',
      'authority.created',
    ]);
  },

  'two ceremonies at the same time make one authority': async (t, stores) => {
    const store = await stores.open(caDomain);
    const options = { store, token, clock, ...ceremonyNames };
    const results = await Promise.allSettled([initAuthority(options), initAuthority(options)]);
    t.strictSame(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    t.match(
      results.find((result) => result.status === 'rejected'),
      { reason: refused('configuration') },
    );
    const made = results.find((result) => result.status === 'fulfilled');
    const authority = await openAuthority({ store, token, clock, mode: 'sandbox' });
    t.strictSame(made?.value.root, authority.root, 'and the store has the one that was answered');
  },

  'a token that is not this store’s is named with what mends it': async (t, stores) => {
    const store = await stores.open(caDomain);
    await assertTokenOfStore(store, other); // before the ceremony there is nothing to tell it by
    await initAuthority({ store, token, clock, ...ceremonyNames });
    const named = (what: RegExp) => ({ ...refused('configuration'), message: what });
    await t.rejects(
      assertTokenOfStore(store, other),
      named(/key of the issuing authority is another one.*hsm probe ca/s),
    );
    const hmac: CaToken['hmac'] = (request) => other.hmac(request);
    await t.rejects(assertTokenOfStore(store, { ...token, hmac }), named(/its key for row MACs is another one/));
    const publicKey: CaToken['publicKey'] = () => token.publicKey({ label: 'nobody' });
    await t.rejects(
      assertTokenOfStore(store, { ...token, publicKey }),
      named(/it has no key of the issuing authority/),
    );
    await assertTokenOfStore(store, token);
    const { settings } = store.read.t;
    await store.write((tx) => tx.db.update(settings).set({ value: 'x' }).where(eq(settings.name, 'epoch')));
    await assertTokenOfStore(store, token); // one row that was changed is not the token's fault
    await t.rejects(openAuthority({ store, token, clock, mode: 'sandbox' }), refused('integrity'));
  },
});
