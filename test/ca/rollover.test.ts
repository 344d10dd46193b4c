import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { sha256 } from '../../src/base/bytes.ts';
import { pkiUrlsAt } from '../../src/base/pki-urls.ts';
import { initAuthority } from '../../src/ca/ceremony.ts';
import { openAuthority } from '../../src/ca/context.ts';
import type { CrlPublisher } from '../../src/ca/crl-publisher.ts';
import type { Feed } from '../../src/ca/feed.ts';
import { type AuthorityKind, labelOf } from '../../src/ca/kinds.ts';
import { signOcsp } from '../../src/ca/ocsp-answer.ts';
import { rollovers } from '../../src/ca/rollover.ts';
import { planRollover } from '../../src/ca/rollover-plan.ts';
import { newBoxKeyPair } from '../../src/crypto/hpke.ts';
import { type Backup, backupKeyOf } from '../../src/hsm/backup-file.ts';
import { revocationHandlers } from '../../src/processes/ca-revocation.ts';
import { caDomain } from '../../src/store/ca/tables.ts';
import { openssl, pemFiles } from '../helpers/authority.ts';
import { caToken, ceremonyNames } from '../helpers/certification-authority.ts';
import { fakeClock } from '../helpers/fake-clock.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';

const persons = ['Nguyễn Văn An', 'Trần Thị Bình'];
const year = 366 * 86_400_000;

async function emptyBackup(): Promise<Backup> {
  const publicKey = (await newBoxKeyPair()).publicKey.toString('base64');
  const is = 'kyso ca backup' as const;
  return { is, ceremony: '0123456789abcdef', publicKey, shares: 3, threshold: 2, createdAt: 0, secrets: [] };
}

await rulesOnBothEngines(t, {
  'S84: a rollover adds authorities that do what is new from then on, while those before them go on': async (
    t,
    stores,
  ) => {
    const [store, token, clock] = [await stores.open(caDomain), await caToken(t), fakeClock()];
    const backup = await emptyBackup();
    await initAuthority({ store, token, clock, ...ceremonyNames, backup });
    const open = () => openAuthority({ store, token, clock, mode: 'production', urls: ceremonyNames.urls });
    const authority = await open();
    const { pki } = authority;
    const kept: Backup[] = [];
    const parts = { authority, token, version: '1', keepBackup: (newer: Backup) => kept.push(newer) };
    const { prepare, confirm } = rollovers(parts);
    const idsOf = () => pki.all().map(({ id }) => id);
    const before = idsOf();

    const keys = await prepare('issuing-ec');
    t.strictSame(
      keys.map(({ id }) => id),
      ['issuing-ec-2', 'ocsp-ec-2'],
      'an issuing authority with its responder',
    );
    t.strictSame(await rollovers(parts).prepare('issuing-ec'), keys, 'whoever begins again finds the same keys');
    t.strictSame(
      kept.at(-1)?.secrets.map(({ label }) => label),
      keys.map(({ id }) => labelOf(id)),
      'in the backup',
    );
    t.strictSame(idsOf(), before, 'nothing uses them yet');
    await t.rejects(confirm('issuing-ec', keys, []), refused('configuration'), 'not without two persons');
    await t.rejects(
      confirm('issuing-ec', keys, ['An', ' an']),
      refused('configuration'),
      'nor with one under two names',
    );
    const forged = keys.map((key) => ({ ...key, fingerprint: sha256('x').toString('hex') }));
    await t.rejects(confirm('issuing-ec', forged, persons), refused('requestInvalid'), 'other keys than were shown');
    await t.rejects(confirm('tsa', keys, persons), refused('requestInvalid'));
    t.strictSame(idsOf(), before);

    clock.advance(year);
    const results = await Promise.allSettled([1, 2, 3].map(() => confirm('issuing-ec', keys, persons)));
    t.strictSame(
      results.map(({ status }) => status).sort(),
      ['fulfilled', 'rejected', 'rejected'],
      'at once, but once',
    );
    const [done] = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    t.strictSame(done?.ids, ['issuing-ec-2', 'ocsp-ec-2']);
    for (const said of [...persons, keys[0]!.fingerprint, 'issuing-ec-2, signed by root-1'])
      t.match(done?.record, said);
    const leaves = (await store.read.db.select().from(store.read.t.logLeaves)).map(({ leaf }) => JSON.parse(leaf));
    const added = leaves.filter(({ event }) => event === 'authority.added').map(({ detail }) => detail.record);
    t.strictSame(added, [sha256(done?.record ?? '').toString('hex')], 'the log has the hash of the record');

    const newest = pki.issuerOf('EC-P384');
    t.strictSame([newest.id, newest.responder().id], ['issuing-ec-2', 'ocsp-ec-2'], 'without a restart');
    t.equal(pki.issuerOf('RSA-2048').id, 'issuing-rsa-1');
    const old = pki.byId('issuing-ec-1')!;
    t.ok(old.notAfter < newest.notAfter && old.notAfter > clock.now());
    t.ok((await old.key.sign(Buffer.from('a CRL'))).length > 0, 'the old one signs what it has to');
    t.strictSame(
      (await open()).pki.all().map(({ id }) => id),
      idsOf(),
      'also after a restart',
    );
  },

  'S84: roots, responders and the time-stamping unit; what they sign, openssl takes': async (t, stores) => {
    const [store, token, clock] = [await stores.open(caDomain), await caToken(t), fakeClock()];
    const backup = await emptyBackup();
    await initAuthority({ store, token, clock, ...ceremonyNames, backup });
    const authority = await openAuthority({ store, token, clock, mode: 'sandbox', urls: ceremonyNames.urls });
    const { pki } = authority;
    const { prepare, confirm } = rollovers({ authority, token, version: '1', keepBackup: () => {} });
    const over = async (kind: AuthorityKind) => (await confirm(kind, await prepare(kind), [])).ids;

    // A kill came between the making of this key and its backup.
    await token.createKey({ label: labelOf('tsa-2'), kind: 'EC-P256' }, backupKeyOf(backup));
    t.strictSame(await over('tsa'), ['tsa-3'], 'a key that no backup holds is never used');
    t.equal(pki.timestamper().id, 'tsa-3');
    t.strictSame(await over('root'), ['root-2']);
    t.strictSame(await over('issuing-ec'), ['issuing-ec-2', 'ocsp-ec-2']);
    t.equal(pki.byId('issuing-ec-2')?.issuer, 'root-2', 'the newest root signs');
    t.strictSame(await over('ocsp-ec'), ['ocsp-ec-3', 'ocsp-ec-4'], 'one for each that is still asked about');
    t.strictSame(
      ['ocsp-ec-3', 'ocsp-ec-4'].map((id) => pki.byId(id)?.issuer),
      ['issuing-ec-1', 'issuing-ec-2'],
    );

    const files = pemFiles(t.testdir(), Object.fromEntries(pki.all().map(({ id, certificate }) => [id, certificate])));
    const now = ['-attime', String(Math.floor(clock.now() / 1000) + 1)];
    for (const { id, issuer, chain } of pki.all()) {
      const above = pki.byId(issuer)!;
      const root = chain.length > 1 ? above.issuer : issuer;
      const untrusted = chain.length > 1 ? ['-untrusted', `${files[issuer]}`] : [];
      const verdict = openssl(
        'verify',
        '-x509_strict',
        '-check_ss_sig',
        ...now,
        '-CAfile',
        `${files[root]}`,
        ...untrusted,
        `${files[id]}`,
      );
      t.match(verdict, `${id}.pem: OK`);
    }

    clock.advance(21 * year);
    t.throws(() => planRollover(pki.all(), 'tsa', clock.now(), new Set()), {
      ...refused('configuration'),
      message: /rollover issuing-rsa first/,
    });
  },

  'S77: a rollover after the addresses changed names the CRL that its issuer has': async (t, stores) => {
    const [store, token, clock] = [await stores.open(caDomain), await caToken(t), fakeClock()];
    await initAuthority({ store, token, clock, ...ceremonyNames });
    const urls = pkiUrlsAt('http://elsewhere.test/pki');
    const authority = await openAuthority({ store, token, clock, mode: 'sandbox', urls });
    const { prepare, confirm } = rollovers({ authority, token, version: '1', keepBackup: () => {} });
    for (const kind of ['tsa', 'issuing-ec'] as const) await confirm(kind, await prepare(kind), []);
    const crlOf = (id: string) => {
      const text = authority.pki.byId(id)!.certificate.toString('latin1');
      return text.match(/http:[ -~]*?\.crl/)?.[0];
    };
    const kept = ceremonyNames.urls;
    t.equal(crlOf('tsa-2'), kept.crl('issuing-rsa-1/1'), 'of an issuing authority');
    t.equal(crlOf('issuing-ec-2'), kept.crl('root-1/1'), 'of a root');
    t.equal(crlOf('ocsp-ec-2'), urls.crl('issuing-ec-2/1'), 'what is new is where it is now');
  },

  'S84: what is revoked or on hold does nothing new; the one before it, or a rollover, does': async (t, stores) => {
    const [store, token, clock] = [await stores.open(caDomain), await caToken(t), fakeClock()];
    await initAuthority({ store, token, clock, ...ceremonyNames });
    const open = () => openAuthority({ store, token, clock, mode: 'sandbox', urls: ceremonyNames.urls });
    const authority = await open();
    const { pki } = authority;
    const quiet = { wake: () => {} };
    const handlers = revocationHandlers({ authority, feed: quiet as Feed, crls: quiet as CrlPublisher });
    const by = { level: 'operator', name: 'test' } as const;
    const targetOf = (id: string) => ({
      serialNumber: new X509Certificate(pki.byId(id)!.certificate).serialNumber.toUpperCase(),
    });
    const revoke = (id: string) =>
      handlers['certificate.revoke']({ target: targetOf(id), by, reason: 'keyCompromise' });
    const { prepare, confirm } = rollovers({ authority, token, version: '1', keepBackup: () => {} });
    const over = async (kind: AuthorityKind) => (await confirm(kind, await prepare(kind), [])).ids;
    const mend = (id: string, kind: string) => ({
      ...refused('configuration'),
      message: new RegExp(`${id} is revoked: run kyso ca rollover ${kind}$`),
    });
    const answer = () => signOcsp(authority, pki.byId('issuing-ec-1')!, { answers: [], thisUpdate: 0, nextUpdate: 0 });

    await handlers['certificate.hold']({ target: targetOf('tsa-1'), by, reason: 'deviceLost' });
    t.throws(() => pki.timestamper(), mend('tsa-1', 'tsa'));
    await handlers['certificate.release']({ target: targetOf('tsa-1'), by });
    t.equal(pki.timestamper().id, 'tsa-1', 'good again');

    await revoke('ocsp-ec-1');
    t.throws(() => pki.issuerOf('EC-P256').responder(), mend('ocsp-ec-1', 'ocsp-ec'));
    await t.rejects(answer(), refused('configuration'), 'no answer is signed by it');
    t.strictSame(await over('ocsp-ec'), ['ocsp-ec-2']);
    t.equal(pki.issuerOf('EC-P256').responder().id, 'ocsp-ec-2');
    await t.resolves(answer());

    await over('issuing-rsa');
    await revoke('issuing-rsa-2');
    t.equal(pki.issuerOf('RSA-2048').id, 'issuing-rsa-1', 'the one before it is good');
    await revoke('issuing-rsa-1');
    t.throws(() => pki.issuerOf('RSA-2048'), mend('issuing-rsa-2', 'issuing-rsa'));
    t.throws(() => pki.timestamper(), mend('tsa-1', 'tsa'), 'nor may what it vouched for go on');
    await t.rejects(prepare('tsa'), { ...refused('configuration'), message: /rollover issuing-rsa first/ });
    const restarted = (await open()).pki;
    t.throws(() => restarted.issuerOf('RSA-2048'), mend('issuing-rsa-2', 'issuing-rsa'), 'also after a start');
    await over('issuing-rsa');
    await over('tsa');
    t.strictSame([pki.issuerOf('RSA-2048').id, pki.timestamper().issuer], ['issuing-rsa-3', 'issuing-rsa-3']);
  },
});
