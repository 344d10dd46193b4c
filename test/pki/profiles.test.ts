import { X509Certificate } from 'node:crypto';
import t from 'tap';
import type { CertificateDraft } from '../../src/pki/certificate.ts';
import { type CertificateFields, certificateFields } from '../../src/pki/certificate-fields.ts';
import { der, derOid, sequence } from '../../src/pki/der.ts';
import { lint, signLinted } from '../../src/pki/lint.ts';
import { rules } from '../../src/pki/lint-rules.ts';
import { type Profile, profileNamed, profiles, validityOf } from '../../src/pki/profiles.ts';
import { readCertificate } from '../../src/pki/read.ts';
import { authoritySubject, draftOf, teacher, testKey } from '../helpers/authority.ts';
import { day, testPki } from '../helpers/pki.ts';
import { refused } from '../helpers/refused.ts';

const pki = await testPki('EC-P256', Date.UTC(2026, 10, 24, 3, 4, 5));
const { now, issuing, issuingKey, root, rootKey, urls } = pki;
const key = testKey('EC-P256');
const { ocsp, ...noOcsp } = urls;
const policies = ['2.25.329800735698586629295641978511506172918.1', '2.999.3'];

/** A draft of every profile, as good as it can be. */
const drafts: Record<keyof typeof profiles, CertificateDraft> = {
  root: draftOf(profiles.root, authoritySubject('Gốc G2'), key.spki, now),
  issuing: { ...draftOf(profiles.issuing, authoritySubject('CA G2'), key.spki, now, root), urls: noOcsp },
  ocspResponder: { ...draftOf(profiles.ocspResponder, authoritySubject('OCSP'), key.spki, now, issuing), urls: noOcsp },
  tsa: { ...draftOf(profiles.tsa, authoritySubject('TSA'), key.spki, now, issuing), urls },
  individual: { ...draftOf(profiles.individual, teacher, key.spki, now, issuing), urls, policies },
  individualVgca: { ...draftOf(profiles.individualVgca, teacher, key.spki, now, issuing), urls, policies },
  individualCccd: { ...draftOf(profiles.individualCccd, teacher, key.spki, now, issuing), urls },
};
const signers = { root: key, issuing: rootKey };
const make = async (draft: CertificateDraft) => {
  const signer = signers[draft.profile.name as keyof typeof signers] ?? issuingKey;
  return signLinted(await lint(draft), signer.sign);
};

/** The extensions of a certificate by OID, `!` behind a critical one, with their DER. */
const extensionsOf = (certificate: Buffer) =>
  Object.fromEntries(
    certificateFields(certificate).extensions.map(({ oid, critical, value }) => [
      `${oid}${critical ? '!' : ''}`,
      value.toString('hex'),
    ]),
  );
const text = (value: string) => Buffer.from(value).toString('hex');
const uri = (url: string | undefined) => der(0x86, Buffer.from(`${url}`));

t.test('S75: each profile has exactly its extensions, with exactly these bytes', async (t) => {
  const point = sequence(sequence(der(0xa0, der(0xa0, uri(urls.crl))))).toString('hex');
  const issuers = sequence(derOid('1.3.6.1.5.5.7.48.2'), uri(urls.caIssuers));
  const both = sequence(sequence(derOid('1.3.6.1.5.5.7.48.1'), uri(ocsp)), issuers).toString('hex');
  const usual = ['2.5.29.19!', '2.5.29.15!', '2.5.29.14', '2.5.29.35'];
  const expected: Record<keyof typeof profiles, [string, string, string[]]> = {
    root: ['30060101ff020101', '03020106', []],
    issuing: ['30060101ff020100', '03020106', ['2.5.29.31', '1.3.6.1.5.5.7.1.1']],
    ocspResponder: ['3000', '03020780', ['2.5.29.37', '1.3.6.1.5.5.7.48.1.5', '2.5.29.31', '1.3.6.1.5.5.7.1.1']],
    tsa: ['3000', '03020780', ['2.5.29.37!', '2.5.29.31', '1.3.6.1.5.5.7.1.1']],
    individual: ['3000', '030206c0', ['2.5.29.17', '2.5.29.32', '2.5.29.31', '1.3.6.1.5.5.7.1.1']],
    individualVgca: ['3000', '030206c0', ['2.5.29.17', '2.5.29.32', '2.5.29.31', '1.3.6.1.5.5.7.1.1']],
    individualCccd: ['3000', '030206c0', ['2.5.29.17', '2.5.29.31', '1.3.6.1.5.5.7.1.1']],
  };
  for (const [name, [constraints, usage, more]] of Object.entries(expected)) {
    const found = extensionsOf(await make(drafts[name as keyof typeof profiles]));
    t.strictSame(Object.keys(found), [...usual, ...more], name);
    t.match(found, { '2.5.29.19!': constraints, '2.5.29.15!': usage }, name);
    if (more.includes('2.5.29.31')) t.equal(found['2.5.29.31'], point, `${name}: CRL`);
    if (more.includes('2.5.29.32')) {
      t.equal(found['2.5.29.32'], sequence(...policies.map((oid) => sequence(derOid(oid)))).toString('hex'));
    }
    const access = name === 'issuing' || name === 'ocspResponder' ? sequence(issuers).toString('hex') : both;
    if (name !== 'root') t.equal(found['1.3.6.1.5.5.7.1.1'], access, `${name}: AIA`);
    t.equal(profileNamed(name)?.name, name);
  }
  const responder = extensionsOf(await make(drafts.ocspResponder));
  t.equal(responder['2.5.29.37'], '300a06082b06010505070309');
  t.equal(responder['1.3.6.1.5.5.7.48.1.5'], '0500');
  t.equal(extensionsOf(await make(drafts.tsa))['2.5.29.37!'], '300a06082b06010505070308');
  t.equal(profileNamed('toString'), undefined);
});

t.test('the switches of a subject: the committee in O, several OU, L, e-mail, CCCD; the order stays', async (t) => {
  const committee = 'ỦY BAN NHÂN DÂN TỈNH QUẢNG NGÃI';
  const subject = { ...teacher, organisation: 'SỞ Y TẾ', organisationalUnits: ['BỆNH VIỆN', 'KHOA NỘI'], committee };
  const nameOf = async (profile: Profile) =>
    readCertificate(await make({ ...drafts.individual, profile, subject })).subjectDN;
  const [units, start] = ['OU=KHOA NỘI,OU=BỆNH VIỆN', 'emailAddress=ntanh@quangngai.gov.vn,CN=Nguyễn Thị Ánh'];
  t.equal(await nameOf(profiles.individual), `${start},${units},O=SỞ Y TẾ,L=Quảng Ngãi,C=VN`);
  t.equal(await nameOf(profiles.individualVgca), `${start},${units},OU=SỞ Y TẾ,O=${committee},L=Quảng Ngãi,C=VN`);
  t.equal(await nameOf(profiles.individualCccd), `UID=CCCD:051190000001,${start},${units},O=SỞ Y TẾ,L=Quảng Ngãi,C=VN`);
  const shows = { ...profiles.individual.shows, email: false, organisationalUnits: false, locality: false };
  t.equal(await nameOf({ ...profiles.individual, shows }), 'CN=Nguyễn Thị Ánh,O=SỞ Y TẾ,C=VN');
  const bidi = { ...subject, committee: 'Tỉnh \u202eA' };
  await t.rejects(lint({ ...drafts.individualVgca, subject: bidi }), refused('nameRefused'), 'S76');
  t.ok(extensionsOf(await make(drafts.individual))['2.5.29.17']?.includes(text('ntanh@quangngai.gov.vn')));
});

t.test('Decree 68/2024 art. 9: an authority 20 years, a new certificate 5, a renewed one 3', async (t) => {
  const start = Date.UTC(2028, 1, 29, 12, 0, 0, 999);
  const end = (profile: Profile, procedure: 'new' | 'renewed') =>
    validityOf(profile, procedure, start).notAfter.toISOString();
  t.equal(end(profiles.root, 'new'), '2048-02-29T11:59:59.000Z');
  t.equal(end(profiles.individual, 'new'), '2033-03-01T11:59:59.000Z');
  t.equal(end(profiles.individual, 'renewed'), '2031-03-01T11:59:59.000Z');
  t.equal(validityOf(profiles.individual, 'new', start).notBefore.toISOString(), '2028-02-29T12:00:00.000Z');
  const { individual } = drafts;
  const renewed = { ...individual, procedure: 'renewed' as const };
  await t.rejects(lint(renewed), { ...refused('lintRefused'), message: /legal limit/ }, 'five years renewed');
  const three = validityOf(profiles.individual, 'renewed', now);
  await t.resolves(lint({ ...renewed, ...three }));
  const more = { notAfter: new Date(three.notAfter.getTime() + 1000) };
  await t.rejects(lint({ ...renewed, ...three, ...more }), { ...refused('lintRefused'), message: /legal limit/ });
  const long = { ...drafts.root, notAfter: new Date(drafts.root.notAfter.getTime() + 1000) };
  await t.rejects(
    lint(long),
    { ...refused('lintRefused'), message: /legal limit/ },
    'an authority of 20 years and a second',
  );
  const tsa = { ...drafts.tsa, notAfter: new Date(now + 6 * 366 * day) };
  await t.rejects(lint(tsa), { ...refused('lintRefused'), message: /legal limit/ }, 'a service is no authority');
});

t.test('S75: addresses, policies and purposes that must not be are refused', async (t) => {
  const { individual, tsa, ocspResponder, root: rootDraft, issuing: issuingDraft } = drafts;
  const at = (change: Partial<typeof urls>) => ({ ...individual, urls: { ...urls, ...change } });
  const bent = (draft: CertificateDraft, profile: Partial<Profile>) => ({
    ...draft,
    profile: { ...draft.profile, ...profile },
  });
  const cases: [string, CertificateDraft, RegExp][] = [
    ['https', at({ crl: 'https://pki.example/crl/1.crl' }), /plain http/],
    ['ftp', at({ caIssuers: 'ftp://pki.example/a.cer' }), /plain http/],
    ['a user in the address', at({ ocsp: 'http://a@pki.example/ocsp' }), /plain http/],
    ['a query', at({ ocsp: 'http://pki.example/ocsp?x' }), /plain http/],
    ['a host in a second spelling', at({ ocsp: 'http://PKI.example/ocsp' }), /plain http/],
    ['a path with ..', at({ crl: 'http://pki.example/a/../b.crl' }), /plain http/],
    ['letters beyond ASCII', at({ crl: 'http://pki.example/đ.crl' }), /plain http/],
    ['a line break', at({ crl: 'http://pki.example/\n1.crl' }), /plain http/],
    ['a megabyte', at({ crl: `http://pki.example/${'a'.repeat(1 << 20)}` }), /more than 500/],
    ['addresses of a root', { ...rootDraft, urls }, /only what has an issuer/],
    ['a responder that sends to OCSP', { ...ocspResponder, urls }, /only what has an issuer/],
    ['anyPolicy', { ...individual, policies: ['2.5.29.32.0'] }, /anyPolicy/],
    ['a policy twice', { ...individual, policies: ['1.2.3', '1.2.3'] }, /policies/],
    ['an authority that stamps', bent(issuingDraft, { purpose: 'timeStamping' }), /one purpose/],
    [
      'a TSA with the usage of a subscriber',
      bent(tsa, { keyUsage: ['digitalSignature', 'nonRepudiation'] }),
      /its answers only/,
    ],
    [
      'a subscriber that answers OCSP',
      bent({ ...individual, urls: noOcsp }, { purpose: 'ocspSigning' }),
      /its answers only/,
    ],
    ['a key type that a TSA does not take', { ...tsa, publicKey: testKey('EC-P521').spki }, /subject key/],
  ];
  for (const [what, draft, rule] of cases) {
    await t.rejects(lint(draft), { ...refused('lintRefused'), message: rule }, what);
  }
  await t.rejects(
    lint(individual, (spki) => key.spki.equals(spki)),
    { ...refused('lintRefused'), message: /list of refused/ },
    'S77',
  );
  await t.resolves(lint(individual, async () => false));
});

t.test('S75: whatever the generator gets wrong in these extensions, a rule notices', async (t) => {
  const bend = (fields: CertificateFields, oid: string, change: Partial<CertificateFields['extensions'][number]>) => ({
    ...fields,
    extensions: fields.extensions.map((extension) => (extension.oid === oid ? { ...extension, ...change } : extension)),
  });
  const hex = (value: string) => ({ value: Buffer.from(value, 'hex') });
  const faults: [keyof typeof profiles, string, Partial<CertificateFields['extensions'][number]>, RegExp][] = [
    ['tsa', '2.5.29.37', { critical: false }, /each extension/],
    ['tsa', '2.5.29.37', hex('301406082b0601050507030806082b06010505070309'), /one purpose/],
    ['tsa', '2.5.29.37', hex('300a06082b06010505070309'), /one purpose/],
    ['ocspResponder', '2.5.29.37', { critical: true }, /each extension/],
    ['ocspResponder', '2.5.29.37', hex('30060604551d2500'), /one purpose/],
    ['ocspResponder', '1.3.6.1.5.5.7.48.1.5', hex(''), /one purpose/],
    ['ocspResponder', '1.3.6.1.5.5.7.48.1.5', { oid: '1.3.6.1.5.5.7.48.1.4' }, /each extension/],
    ['individual', '2.5.29.32', hex('300830060604551d2000'), /policies/],
    ['individual', '2.5.29.32', { critical: true }, /each extension/],
    ['individual', '2.5.29.31', { critical: true }, /each extension/],
    ['individual', '2.5.29.31', hex('3000'), /plain http/],
    ['individual', '1.3.6.1.5.5.7.1.1', hex('3000'), /plain http/],
    ['individual', '2.5.29.31', { oid: '2.5.29.46' }, /each extension/],
  ];
  for (const [name, oid, change, rule] of faults) {
    const certificate = await make(drafts[name]);
    const fields = certificateFields(certificate);
    const candidate = {
      draft: drafts[name],
      parsed: new X509Certificate(certificate),
      issuer: certificateFields(issuing),
      issuerParsed: new X509Certificate(issuing),
    };
    t.equal(
      rules.find(({ holds }) => !holds({ ...candidate, fields })),
      undefined,
      `${name} as it is`,
    );
    const broken = rules.find(({ holds }) => !holds({ ...candidate, fields: bend(fields, oid, change) }));
    t.match(broken?.text, rule, `${name} ${oid}`);
  }
});
