import t, { type Test } from 'tap';
import { checkHandlers } from '../../src/ca/check.ts';
import type { Authority } from '../../src/ca/context.ts';
import { publishShard } from '../../src/ca/crl.ts';
import { startFeed } from '../../src/ca/feed.ts';
import { revoke } from '../../src/ca/revoke.ts';
import { sandboxIssuer } from '../../src/ca/sandbox.ts';
import { checkAuthority } from '../../src/cli/ca-check.ts';
import type { CaContract } from '../../src/ipc/ca-contract.ts';
import type { Handlers } from '../../src/ipc/contract.ts';
import { profiles } from '../../src/pki/profiles.ts';
import { readCertificate } from '../../src/pki/read.ts';
import type { IssuedCertificate } from '../../src/store/ca/tables.ts';
import { eq } from '../../src/store/drizzle.ts';
import { openssl, pemFiles } from '../helpers/authority.ts';
import { caToken, fakeSigner, line, newAuthority } from '../helpers/certification-authority.ts';
import { issued as discarded } from '../helpers/issued.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import type { Stores } from '../helpers/stores.ts';

const token = await caToken(t);

const vgcaSubject = { ...line.subject, committee: 'ỦY BAN NHÂN DÂN TỈNH QUẢNG NGÃI', organisation: 'SỞ NỘI VỤ' };
const cccdSubject = { ...line.subject, personalId: { kind: 'CCCD', number: '051190000001' } } as const;

/** The checker over an authority without the processes between them. */
function check(authority: Authority) {
  const handlers = checkHandlers(authority) as Partial<Handlers<CaContract>>;
  return checkAuthority({ call: (method, params) => handlers[method]!(params as never, 'operator') as never });
}

/** An authority with an RSA and two EC certificates, one of them revoked, and its CRLs published. */
async function running(t: Test, stores: Stores) {
  const signer = fakeSigner();
  const { authority } = await newAuthority(stores, token, signer);
  const feed = startFeed({ authority, signer: signer.peer, onError: (error) => t.fail(String(error)) });
  t.teardown(() => feed.close());
  const issuer = sandboxIssuer(authority, feed, (error) => t.fail(String(error)));
  for (const [serial, keyType] of [
    [1, 'EC-P256'],
    [2, 'RSA-2048'],
    [3, 'EC-P256'],
  ] as const)
    await issuer.issue({ ...line, serial, keyType });
  const issued = await authority.rows.certificates.list(authority.store.read, { status: 'issued' });
  const revoked = issued.find(({ shard }) => shard.startsWith('issuing-ec'))!;
  await revoke(authority, {
    serialNumber: revoked.serialNumber,
    reason: 'keyCompromise',
    by: { level: 'operator', name: 'x' },
  });
  // An authority's certificate, and one that was given up before it was one: both stand in CRLs only.
  const by = { level: 'operator', name: 'x' } as const;
  const responder = authority.pki.newest('ocsp-rsa');
  const { serialNumber } = readCertificate(responder.certificate);
  await revoke(authority, { serialNumber, reason: 'superseded', by });
  const given = await discarded(authority, 'EC-P256', { status: 'discarded', certificate: null });
  await revoke(authority, { serialNumber: given.serialNumber, reason: 'notIssued', by });
  await publishAll(authority);
  return { authority, issued, revoked };
}

async function publishAll(authority: Authority): Promise<void> {
  for (const { id } of await authority.rows.crlShards.list(authority.store.read, {})) await publishShard(authority, id);
}

/** Writes a row as whoever has ca's keys could: its MAC is good. */
function rewrite(authority: Authority, { serialNumber }: IssuedCertificate, change: Partial<IssuedCertificate>) {
  const { rows, store } = authority;
  return store.write(async (tx) => {
    const row = await rows.certificates.lock(tx, { serialNumber });
    await rows.certificates.replace(tx, row!, change);
  });
}

await rulesOnBothEngines(t, {
  'what ca issued and revoked passes openssl, the rules, the log and the CRLs': async (t, stores) => {
    const { authority } = await running(t, stores);
    const report = await check(authority);
    t.same(report.drift, []);
    t.equal(report.certificates, 5);
    t.ok(report.shards >= 2);
  },

  'certificates of every profile, with policies, pass under whatever is configured later': async (t, stores) => {
    const signer = fakeSigner();
    const { authority } = await newAuthority(stores, token, signer);
    const feed = startFeed({ authority, signer: signer.peer, onError: (error) => t.fail(String(error)) });
    t.teardown(() => feed.close());
    const { rows, store, pki } = authority;
    const [root, issuing] = ['root-1', 'issuing-ec-1'].map((id) => pki.byId(id)!.certificate);
    const wanted = [
      [
        'individualVgca',
        vgcaSubject,
        ['2.16.704.1.1.1', '1.3.6.1.4.1.99999.1'],
        /,OU=SỞ NỘI VỤ,O=ỦY BAN NHÂN DÂN TỈNH/,
      ],
      ['individualCccd', cccdSubject, ['1.3.6.1.4.1.99999.2'], /CCCD:051190000001/],
      [
        'individual',
        { ...vgcaSubject, ...cccdSubject },
        [],
        /^emailAddress=[^=]*,CN=[^=]*,OU=[^=]*,O=[^=]*,L=[^=]*,C=VN$/,
      ],
    ] as const;
    for (const [serial, [name, subject, policies, dn]] of wanted.entries()) {
      const under = { ...authority, profile: profiles[name], policies };
      const issuer = sandboxIssuer(under, feed, (error) => t.fail(String(error)));
      const { certificates } = await check(authority);
      await issuer.issue({ ...line, serial: serial + 1, subject });
      const row = (await rows.certificates.list(store.read, { profile: name }))[0]!;
      t.match(row, { policies: JSON.stringify(policies), status: 'issued' }, name);
      t.match(readCertificate(row.certificate!).subjectDN, dn, name);
      const files = pemFiles(t.testdir(), { root: root!, issuing: issuing!, own: row.certificate! });
      const chain = ['-CAfile', files.root!, '-untrusted', files.issuing!, files.own!];
      t.match(openssl('verify', '-x509_strict', '-check_ss_sig', ...chain), /OK/, name);
      const shown = openssl('x509', '-in', files.own!, '-noout', '-text').matchAll(/Policy: ([\d.]+)/g);
      t.strictSame(
        [...shown].map(([, oid]) => oid),
        [...policies],
        name,
      );
      t.equal((await check(authority)).certificates, certificates + 1);
    }
    await publishAll(authority);
    t.same((await check(authority)).drift, []);
    const [first] = await rows.certificates.list(store.read, { profile: 'individualVgca' });
    await rewrite(authority, first!, { policies: '["1.3.6.1.4.1.99999.9"]' });
    t.match((await check(authority)).drift, [
      { of: `certificate ${first!.serialNumber}`, problem: /the policies are those ordered/ },
    ]);
  },

  'a certificate that is another than the one intended and logged is named': async (t, stores) => {
    const { authority, issued } = await running(t, stores);
    const [first, second] = issued.filter(({ shard }) => shard.startsWith('issuing-ec')) as [
      IssuedCertificate,
      IssuedCertificate,
    ];
    await rewrite(authority, first, { certificate: second.certificate });
    const { drift } = await check(authority);
    const problems = drift.filter(({ of }) => of === `certificate ${first.serialNumber}`).map(({ problem }) => problem);
    t.ok(problems.some((problem) => /serial number is the recorded one/.test(problem)));
    t.ok(problems.some((problem) => /not what was intended/.test(problem)));
    t.ok(drift.some(({ of, problem }) => of === 'issuance log' && /the store has not/.test(problem)));
  },

  'a bent signature is openssl’s to find': async (t, stores) => {
    const { authority, issued } = await running(t, stores);
    const [first] = issued as [IssuedCertificate];
    const bent = Buffer.from(first.certificate!);
    bent[bent.length - 3]! ^= 1;
    await rewrite(authority, first, { certificate: bent });
    const { drift } = await check(authority);
    t.match(drift, [
      { of: `certificate ${first.serialNumber}`, problem: /openssl says: certificate signature failure/ },
    ]);
  },

  'a revocation that left its CRL, and a CRL entry without one': async (t, stores) => {
    const { authority, issued, revoked } = await running(t, stores);
    await rewrite(authority, revoked, { revocation: 'none' });
    t.match((await check(authority)).drift, [
      { of: `CRL ${revoked.shard}`, problem: `it lists ${revoked.serialNumber}, which is not revoked` },
    ]);
    await rewrite(authority, revoked, { revocation: 'revoked' });
    const other = issued.find(({ serialNumber }) => serialNumber !== revoked.serialNumber)!;
    await rewrite(authority, other, { revocation: 'revoked', reason: 'keyCompromise', revokedAt: other.createdAt });
    t.match((await check(authority)).drift, [
      { of: `certificate ${other.serialNumber}`, problem: /revoked, and CRL .* does not list it/ },
    ]);
  },

  'a row that somebody wrote without the token': async (t, stores) => {
    const { authority, issued, revoked } = await running(t, stores);
    const first = issued.find(({ serialNumber }) => serialNumber !== revoked.serialNumber)!;
    const { store } = authority;
    const { certificates } = store.read.t;
    await store.write((tx) =>
      tx.db.update(certificates).set({ subject: '{}' }).where(eq(certificates.serialNumber, first.serialNumber)),
    );
    t.match((await check(authority)).drift, [
      { of: `certificate ${first.serialNumber}`, problem: /not as Kyso wrote it/ },
      { of: 'issuance log' },
    ]);
  },
});
