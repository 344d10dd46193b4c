import t from 'tap';
import { systemClock } from '../../src/base/clock.ts';
import type { CaToken } from '../../src/ca/ca-token.ts';
import { enrolAttestationKey, initAuthority } from '../../src/ca/ceremony.ts';
import { openAuthority } from '../../src/ca/context.ts';
import { assertTokenOfStore } from '../../src/ca/own-token.ts';
import { readCertificate } from '../../src/pki/read.ts';
import { type CaStore, caDomain } from '../../src/store/ca/tables.ts';
import { eq } from '../../src/store/drizzle.ts';
import { openssl, pemFiles, testKey } from '../helpers/authority.ts';
import { caToken, ceremonyNames } from '../helpers/certification-authority.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';

const clock = systemClock;
const shardsOf = async (store: CaStore) =>
  (await store.read.db.select().from(store.read.t.crlShards)).map(({ id }) => id);
const open = (store: CaStore) => openAuthority({ store, token, clock, mode: 'sandbox', urls: ceremonyNames.urls });
const [token, other] = [await caToken(t), await caToken(t)];

await rulesOnBothEngines(t, {
  'S84: the ceremony makes the authorities with keys of the token, once': async (t, stores) => {
    const store = await stores.open(caDomain);
    const options = { store, token, clock, ...ceremonyNames };
    const bad = { ...options, names: { ...options.names, name: 'CA\u202e' } };
    await t.rejects(open(store), refused('configuration'), 'before it');
    await t.rejects(enrolAttestationKey(options, testKey('EC-P256').spki), refused('configuration'), 'before it');
    await t.rejects(initAuthority(bad), refused('nameRefused'), 'broken off, it leaves nothing');

    const { authorities, feedKey } = await initAuthority(options);
    const certificates = Object.fromEntries(authorities.map(({ id, certificate }) => [id, certificate]));
    const files = pemFiles(t.testdir(), certificates);
    const verify = (id: string, above: string[], purpose = 'any') => {
      const untrusted = above.flatMap((each) => ['-untrusted', `${files[each]}`]);
      const strict = ['verify', '-x509_strict', '-check_ss_sig', '-purpose', purpose, '-CAfile', `${files['root-1']}`];
      t.match(openssl(...strict, ...untrusted, `${files[id]}`), `${id}.pem: OK`);
    };
    for (const id of ['root-1', 'issuing-rsa-1', 'issuing-ec-1']) verify(id, [], 'crlsign');
    for (const family of ['rsa', 'ec']) verify(`ocsp-${family}-1`, [`issuing-${family}-1`], 'ocsphelper');
    verify('tsa-1', ['issuing-rsa-1'], 'timestampsign');
    t.strictSame((await shardsOf(store)).sort(), ['issuing-ec-1/1', 'issuing-rsa-1/1', 'root-1/1']);
    const types = ['root-1', 'issuing-rsa-1', 'issuing-ec-1'].map((id) => readCertificate(certificates[id]!).keyType);
    t.strictSame(types, ['RSA-3072', 'RSA-3072', 'EC-P256']);
    t.equal(readCertificate(certificates['issuing-ec-1']!).issuerDN, 'CN=Kiểm thử Root CA 1,O=Kyso kiểm thử,C=VN');

    await t.rejects(initAuthority(options), refused('configuration'), 'a second ceremony is refused');
    const authority = await open(store);
    t.strictSame(authority.feedKey.spki, feedKey);
    for (const { id, certificate } of authority.pki.all()) t.strictSame(certificate, certificates[id], id);
    t.equal(authority.pki.all().length, authorities.length);
    const [rsa, ec] = ['RSA-4096', 'EC-P384'].map((keyType) => authority.pki.issuerOf(keyType));
    t.strictSame([rsa?.id, ec?.id], ['issuing-rsa-1', 'issuing-ec-1'], 'each signs for keys of its own family');
    t.strictSame(ec?.chain, [certificates['root-1']]);
    t.strictSame([rsa?.responder().id, ec?.responder().id], ['ocsp-rsa-1', 'ocsp-ec-1']);
    t.equal(authority.pki.timestamper().id, 'tsa-1');

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
    const answered = made?.value.authorities.map(({ certificate }) => certificate);
    const authority = await open(store);
    t.strictSame(
      answered?.map(String).sort(),
      authority.pki
        .all()
        .map(({ certificate }) => String(certificate))
        .sort(),
      'and the store has the one that was answered',
    );
  },

  'a token that is not this store’s is named with what mends it': async (t, stores) => {
    const store = await stores.open(caDomain);
    await assertTokenOfStore(store, other, clock); // before the ceremony there is nothing to tell it by
    await initAuthority({ store, token, clock, ...ceremonyNames });
    const named = (what: RegExp) => ({ ...refused('configuration'), message: what });
    await t.rejects(
      assertTokenOfStore(store, other, clock),
      named(/key of issuing-ec-1 is another one.*hsm probe ca/s),
    );
    const hmac: CaToken['hmac'] = (request) => other.hmac(request);
    await t.rejects(assertTokenOfStore(store, { ...token, hmac }, clock), named(/its key for row MACs is another one/));
    const publicKey: CaToken['publicKey'] = () => token.publicKey({ label: 'nobody' });
    await t.rejects(assertTokenOfStore(store, { ...token, publicKey }, clock), named(/it has no key of issuing-ec-1/));
    await assertTokenOfStore(store, token, clock);
    const { settings } = store.read.t;
    await store.write((tx) => tx.db.update(settings).set({ value: 'x' }).where(eq(settings.name, 'epoch')));
    await assertTokenOfStore(store, token, clock); // one row that was changed is not the token's fault
    await t.rejects(open(store), refused('integrity'));
  },
});
