import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { type CertificateFields, certificateFields } from '../../src/pki/certificate-fields.ts';
import { lint, signLinted } from '../../src/pki/lint.ts';
import { rules } from '../../src/pki/lint-rules.ts';
import { profiles } from '../../src/pki/profiles.ts';
import { draftOf, teacher, testAuthority, testKey } from '../helpers/authority.ts';

const now = Date.UTC(2026, 10, 24, 3, 4, 5);
const { root, issuing, issuingKey } = await testAuthority('EC-P256', now);
const draft = draftOf(profiles.individual, teacher, testKey('EC-P256').spki, now, issuing);
const certificate = await signLinted(await lint(draft), issuingKey.sign);
const fields = certificateFields(certificate);
const candidate = {
  draft,
  fields,
  parsed: new X509Certificate(certificate),
  issuer: certificateFields(issuing),
  issuerParsed: new X509Certificate(issuing),
};

/** Field by field, a certificate that a faulty generator might have written, and the rule that must notice. */
t.test('S75: whatever the generator gets wrong, a rule notices', async (t) => {
  const withExtension = (oid: string, change: Partial<CertificateFields['extensions'][number]>) => ({
    extensions: fields.extensions.map((extension) => (extension.oid === oid ? { ...extension, ...change } : extension)),
  });
  const other = certificateFields(root);
  const sha1 = Buffer.from('300906072a8648ce3d0401', 'hex');
  const faults: [string, Partial<CertificateFields>, RegExp][] = [
    ['another serial number', { serialNumber: other.serialNumber }, /serial number/],
    ['SHA-1 beside the signature', { outerAlgorithm: sha1 }, /signature algorithm/],
    ['SHA-1 in both places', { outerAlgorithm: sha1, innerAlgorithm: sha1 }, /signature algorithm/],
    ['another issuer name', { issuer: other.issuer }, /issuer name/],
    ['another validity', { validity: other.validity }, /whole seconds/],
    ['another subject', { subject: other.subject }, /subject name/],
    ['another key', { spki: other.spki }, /subject key is the ordered one/],
    [
      'an extension more',
      { extensions: [...fields.extensions, { oid: '2.5.29.37', critical: false, value: Buffer.alloc(0) }] },
      /each extension/,
    ],
    [
      'an extension twice',
      { extensions: [...fields.extensions.slice(1), ...fields.extensions.slice(1, 2)] },
      /each extension/,
    ],
    ['an extension less', { extensions: fields.extensions.slice(0, -1) }, /each extension/],
    ['key usage that is not critical', withExtension('2.5.29.15', { critical: false }), /each extension/],
    [
      'a subscriber as authority',
      withExtension('2.5.29.19', { value: Buffer.from('30030101ff', 'hex') }),
      /basic constraints/,
    ],
    [
      'cA FALSE written out',
      withExtension('2.5.29.19', { value: Buffer.from('3003010100', 'hex') }),
      /basic constraints/,
    ],
    ['keyCertSign', withExtension('2.5.29.15', { value: Buffer.from('03020106', 'hex') }), /signs data only/],
    [
      'another subject key identifier',
      withExtension('2.5.29.14', { value: Buffer.from('040101', 'hex') }),
      /key identifiers/,
    ],
    [
      'another authority key identifier',
      withExtension('2.5.29.35', { value: Buffer.from('3003800101', 'hex') }),
      /key identifiers/,
    ],
    ['another e-mail', withExtension('2.5.29.17', { value: Buffer.from('3003810161', 'hex') }), /rfc822Name/],
  ];
  t.equal(
    rules.find((rule) => !rule.holds(candidate)),
    undefined,
    'the faultless one passes',
  );
  for (const [what, change, text] of faults) {
    const broken = rules.find((rule) => !rule.holds({ ...candidate, fields: { ...fields, ...change } }));
    t.match(broken?.text, text, what);
  }
  const strangers = { parsed: candidate.issuerParsed, issuerParsed: candidate.issuerParsed };
  t.match(rules.find((rule) => !rule.holds({ ...candidate, ...strangers }))?.text, /OpenSSL/, 'OpenSSL is asked, too');
});
