import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { certificateFields } from '../../src/pki/certificate-fields.ts';
import { assembleSigned, crlTbs, encodeEntry } from '../../src/pki/crl.ts';
import { crlEntries, readCrl } from '../../src/pki/crl-reader.ts';
import { crlReasonOf, crlReasons } from '../../src/pki/crl-reasons.ts';
import { der, integer, sequence, time } from '../../src/pki/der.ts';
import { extension } from '../../src/pki/extensions.ts';
import { certificatePem } from '../../src/pki/pem.ts';
import { profiles } from '../../src/pki/profiles.ts';
import { readCertificate } from '../../src/pki/read.ts';
import { isSignedBy, signatureAlgorithm } from '../../src/pki/signed.ts';
import { openssl, teacher, testKey } from '../helpers/authority.ts';
import { pkiFiles, said, testPki } from '../helpers/pki.ts';
import { refused } from '../helpers/refused.ts';

const pkis = [await testPki('RSA-3072'), await testPki('EC-P256')];
const [, pki] = pkis as [unknown, (typeof pkis)[number]];

for (const pki of pkis) {
  t.test(`S94, S78: openssl and certtool accept every certificate and CRL under ${pki.type}`, async (t) => {
    const { root, issuing, person, responder, tsa } = pki;
    const committee = 'ỦY BAN NHÂN DÂN TỈNH QUẢNG NGÃI';
    const vgca = await pki.issue(profiles.individualVgca, { ...teacher, committee }, testKey('EC-P384'));
    const cccd = await pki.issue(profiles.individualCccd, teacher, testKey('RSA-2048'));
    const subjects = { person, vgca, cccd, responder, tsa, issuing };
    const crls = [await pki.crl([{ serialNumber: '7F01', reason: 'keyCompromise' }]), await pki.rootCrl()];
    const files = pkiFiles(t.testdir(), { root, ...subjects }, crls);
    for (const name of Object.keys(subjects)) {
      const verdict = openssl(
        ...['verify', '-x509_strict', '-check_ss_sig', '-crl_check_all', '-CRLfile', `${files.crls}`],
        ...['-CAfile', `${files.root}`, '-untrusted', `${files.issuing}`, `${files[name]}`],
      );
      t.match(verdict, /: OK$/m, name);

      const chain = name === 'issuing' ? [issuing, root] : [subjects[name as 'person'], issuing, root];
      const file = join(t.testdirName, 'chain.pem');
      writeFileSync(file, chain.map(certificatePem).join(''));
      const { ok, text } = await said('certtool', '--verify-chain', '--infile', file);
      t.ok(ok, `certtool: ${name}`);
      t.match(text, /Chain verification output: Verified\. The certificate is trusted\./);
    }
    writeFileSync(join(t.testdirName, 'crl.der'), crls[0] ?? '');
    const info = await said('certtool', '--crl-info', '--inder', '--infile', join(t.testdirName, 'crl.der'));
    t.match(info.text, /Version: 2[\s\S]*Serial Number \(hex\): 7f01/);
    t.notMatch(info.text, /warning|error/i);
    const signer = openssl(
      'crl',
      '-inform',
      'DER',
      '-in',
      join(t.testdirName, 'crl.der'),
      '-noout',
      '-CAfile',
      `${files.issuing}`,
    );
    t.equal(signer, '');
  });
}

t.test('S78: who is on the CRL is refused, and a CRL of another shard is not taken for an answer', async (t) => {
  const { root, issuing, person } = pki;
  const verdictOf = async (name: string, crl: Buffer) => {
    const files = pkiFiles(t.testdir({ [name]: {} }), { root, issuing, person }, [crl, await pki.rootCrl()]);
    const trusted = ['-CAfile', `${files.root}`, '-untrusted', `${files.issuing}`];
    const { text } = await said(
      'openssl',
      'verify',
      '-crl_check_all',
      '-CRLfile',
      files.crls,
      ...trusted,
      `${files.person}`,
    );
    return text;
  };
  const { serialNumber } = readCertificate(person);
  t.match(await verdictOf('good', await pki.crl([])), /person\.pem: OK/);
  t.match(
    await verdictOf('revoked', await pki.crl([{ serialNumber, reason: 'affiliationChanged' }])),
    /error 23 .*revoked/,
  );
  const other = `${pki.urls.crl}`.replace('1.crl', '2.crl');
  t.match(await verdictOf('shard', await pki.crl([], { distributionPoint: other })), /error 44 .*different CRL scope/);
});

t.test(
  'S78: entries are encoded once and stand in the CRL as they are, with number, reasons and the right times',
  async (t) => {
    const reasons = Object.keys(crlReasons) as (keyof typeof crlReasons)[];
    const entries = reasons.map((reason, index) => ({
      serialNumber: `${(0x80 + index).toString(16)}00FF`.toUpperCase(),
      reason,
      revokedAt: new Date(Date.UTC(index % 2 ? 2051 : 2026, 5, 1, 2, 3, index)),
    }));
    const joined = Buffer.concat(entries.map(encodeEntry));
    const crl = readCrl(await pki.crl(entries, { number: 2n ** 159n - 1n }));
    t.strictSame(crl.entries, joined);
    t.strictSame([...crlEntries(crl)], entries);
    t.equal(crl.number, 2n ** 159n - 1n);
    t.equal(crl.distributionPoint, pki.urls.crl);
    t.strictSame(crl.issuer, certificateFields(pki.issuing).subject);
    t.ok(isSignedBy(crl, certificateFields(pki.issuing).spki));
    t.notOk(isSignedBy(crl, certificateFields(pki.root).spki));

    const of = (reason: 'keyCompromise' | 'unspecified', year: number) =>
      encodeEntry({ serialNumber: '80', reason, revokedAt: new Date(Date.UTC(year, 0, 1)) }).toString('hex');
    const reason = '300c300a0603551d1504030a0101';
    t.equal(of('unspecified', 2049), `3013${'02020080'}${'170d'}${Buffer.from('490101000000Z').toString('hex')}`);
    t.equal(
      of('keyCompromise', 2050),
      `3023${'02020080'}${'180f'}${Buffer.from('20500101000000Z').toString('hex')}${reason}`,
    );
    t.equal(crlReasonOf(8), undefined, 'removeFromCRL belongs to delta CRLs');

    const empty = readCrl(await pki.crl([]));
    t.strictSame([...crlEntries(empty)], []);
    const whole = readCrl(await pki.rootCrl());
    t.equal(whole.distributionPoint, undefined, "a root's CRL covers the root, which names no shard");
    t.throws(
      () =>
        crlTbs({
          issuerCertificate: pki.issuing,
          number: 1,
          thisUpdate: new Date(1000),
          nextUpdate: new Date(1000),
          entries: joined,
        }),
      refused('internal'),
    );
  },
);

t.test('the extensions of a CRL are these bytes: AKI, number, and a critical IssuingDistributionPoint', async (t) => {
  const crl = await pki.crl([], { number: 300, distributionPoint: 'http://a/1.crl' });
  const aki = certificateFields(pki.person).extensions.find(({ oid }) => oid === '2.5.29.35');
  const expected = der(
    0xa0,
    sequence(
      extension('2.5.29.35', false, aki?.value ?? Buffer.alloc(0)),
      Buffer.from('300b0603551d140404'.concat('0202012c'), 'hex'),
      Buffer.from(
        `30${'20'}0603551d1c0101ff0416${'3014a012a010860e'}${Buffer.from('http://a/1.crl').toString('hex')}`,
        'hex',
      ),
    ),
  );
  t.ok(crl.includes(expected), crl.toString('hex'));
});

t.test('a CRL by openssl is read like our own', async (t) => {
  const directory = t.testdir({
    'index.txt': 'R\t301231235959Z\t261127000000Z,superseded\t0A0B\tunknown\t/CN=x\n',
    number: '2A\n',
  });
  const at = (name: string) => join(directory, name);
  writeFileSync(
    at('ca.cnf'),
    '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=1\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n',
  );
  const run = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  run('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key.pem', '-subj', '/CN=ca', '-out', 'ca.pem');
  run('ca', '-config', 'ca.cnf', '-gencrl', '-keyfile', 'key.pem', '-cert', 'ca.pem', '-out', 'crl.pem');
  run('crl', '-in', 'crl.pem', '-outform', 'DER', '-out', 'crl.der');
  run('x509', '-in', 'ca.pem', '-outform', 'DER', '-out', 'ca.der');
  const crl = readCrl(readFileSync(at('crl.der')));
  t.equal(crl.number, 42n);
  t.equal(crl.distributionPoint, undefined);
  t.strictSame(
    [...crlEntries(crl)],
    [{ serialNumber: '0A0B', revokedAt: new Date('2026-11-27'), reason: 'superseded' }],
  );
  t.ok(isSignedBy(crl, certificateFields(readFileSync(at('ca.der'))).spki));
});

t.test('a CRL that does not tell the whole truth is refused', async (t) => {
  const { issuing, issuingKey } = pki;
  const { subject, spki } = certificateFields(issuing);
  const algorithm = signatureAlgorithm(spki);
  const times = [time(new Date('2026-11-01')), time(new Date('2026-12-01'))];
  const number = extension('2.5.29.20', false, integer(7));
  const point = (...more: string[]) =>
    extension(
      '2.5.29.28',
      true,
      sequence(Buffer.from('a007a005860361626'.concat('3'), 'hex'), Buffer.from(more.join(''), 'hex')),
    );
  const crlOf = async (...fields: Buffer[]) => {
    const tbs = sequence(...fields);
    return assembleSigned(tbs, await issuingKey.sign(tbs));
  };
  const usual = (...extensions: Buffer[]) =>
    crlOf(integer(1), algorithm, subject, ...times, der(0xa0, sequence(...extensions)));
  const entry = (...more: Buffer[]) =>
    crlOf(
      integer(1),
      algorithm,
      subject,
      ...times,
      sequence(sequence(integer(5), time(new Date()), ...more)),
      der(0xa0, sequence(number)),
    );

  t.equal(readCrl(await usual(number)).number, 7n);
  t.equal(readCrl(await usual(number, point())).distributionPoint, 'abc');
  t.equal([...crlEntries(readCrl(await entry()))].length, 1);
  const cases: [string, Buffer][] = [
    ['without a number', await usual(extension('2.5.29.35', false, Buffer.from('3000', 'hex')))],
    ['with a negative number', await usual(extension('2.5.29.20', false, Buffer.from('0201ff', 'hex')))],
    ['with its number twice', await usual(number, number)],
    ['a delta CRL', await usual(number, extension('2.5.29.27', true, integer(1)))],
    ['for users only', await usual(number, point('8101ff'))],
    ['an indirect one', await usual(number, point('8401ff'))],
    ['for some reasons only', await usual(number, point('83020640'))],
    ['without nextUpdate', await crlOf(integer(1), algorithm, subject, times[0]!, der(0xa0, sequence(number)))],
    [
      'that ends before it begins',
      await crlOf(integer(1), algorithm, subject, times[1]!, times[0]!, der(0xa0, sequence(number))),
    ],
    ['version 1', await crlOf(integer(0), algorithm, subject, ...times, der(0xa0, sequence(number)))],
    [
      'another algorithm beside the signature',
      sequence(
        sequence(integer(1), algorithm, subject, ...times, der(0xa0, sequence(number))),
        signatureAlgorithm(testKey('RSA-2048').spki),
        der(3, Buffer.of(0, 1)),
      ),
    ],
    ['an entry of another issuer', await entry(sequence(extension('2.5.29.29', true, Buffer.from('3000', 'hex'))))],
    ['an entry to be removed', await entry(sequence(extension('2.5.29.21', false, Buffer.from('0a0108', 'hex'))))],
    [
      'an entry with something behind',
      await entry(sequence(extension('2.5.29.21', false, Buffer.from('0a0101', 'hex'))), integer(1)),
    ],
    ['bytes behind it', Buffer.concat([await usual(number), Buffer.of(0)])],
  ];
  for (const [what, crl] of cases) t.throws(() => readCrl(crl), refused('document'), what);
});
