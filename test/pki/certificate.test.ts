import t from 'tap';
import { type KeyTypeName, keyTypes } from '../../src/crypto/algorithms.ts';
import { newSerialNumber } from '../../src/pki/certificate.ts';
import { lint, signLinted } from '../../src/pki/lint.ts';
import { certificatePem } from '../../src/pki/pem.ts';
import { profiles } from '../../src/pki/profiles.ts';
import { readCertificate } from '../../src/pki/read.ts';
import { draftOf, openssl, pemFiles, teacher, testAuthority, testKey } from '../helpers/authority.ts';
import { refused } from '../helpers/refused.ts';

const now = Date.UTC(2026, 10, 24, 3, 4, 5, 678);

const subjectKeys = (Object.keys(keyTypes) as KeyTypeName[]).map((keyType) => [keyType, testKey(keyType)] as const);

for (const authorityType of ['RSA-3072', 'EC-P256'] as const) {
  t.test(`S94: openssl accepts certificates under ${authorityType} without a word`, async (t) => {
    const { root, issuing, issuingKey } = await testAuthority(authorityType, now);
    for (const [keyType, { spki }] of subjectKeys) {
      const draft = draftOf(profiles.individual, teacher, spki, now, issuing);
      const certificate = await signLinted(await lint(draft), issuingKey.sign);
      t.equal(readCertificate(certificate).keyType, keyType);
      const files = pemFiles(t.testdir(), { root, issuing, certificate });
      const verdict = openssl(
        ...['verify', '-x509_strict', '-check_ss_sig', '-purpose', 'any', '-attime', String(Math.ceil(now / 1000))],
        ...['-CAfile', `${files.root}`, '-untrusted', `${files.issuing}`, `${files.certificate}`],
      );
      t.match(verdict, /certificate\.pem: OK$/m, `${keyType}: verified to the root`);
      openssl('verify', '-x509_strict', '-check_ss_sig', '-CAfile', `${files.root}`, `${files.issuing}`);

      const text = openssl('x509', '-noout', '-text', '-nameopt', 'utf8,sep_comma_plus', '-in', `${files.certificate}`);
      t.match(text, 'C=VN,L=Quảng Ngãi,O=ỦY BAN NHÂN DÂN TỈNH QUẢNG NGÃI,OU=ỦY BAN NHÂN DÂN XÃ SƠN MỸ,OU=TRƯỜNG');
      t.match(text, 'CN=Nguyễn Thị Ánh,emailAddress=ntanh@quangngai.gov.vn\n', 'e-mail shown, UID switched off');
      t.match(text, /X509v3 Key Usage: critical\n +Digital Signature, Non Repudiation\n/);
      t.match(text, /X509v3 Basic Constraints: critical\n +CA:FALSE\n/);
      t.match(
        text,
        /Not Before: Nov 24 03:04:05 2026 GMT\n +Not After : Nov 24 03:04:04 2031 GMT/,
        'five years to a second',
      );
    }
  });
}

t.test('the facts of a certificate are those that openssl reads', async (t) => {
  const { issuing, issuingKey } = await testAuthority('EC-P256', now);
  const key = testKey('RSA-2048');
  const draft = draftOf(profiles.individual, teacher, key.spki, now, issuing);
  const certificate = await signLinted(await lint(draft), issuingKey.sign);
  const facts = readCertificate(certificate);
  const { certificate: file } = pemFiles(t.testdir(), { certificate });
  const show = (...what: string[]) => openssl('x509', '-noout', ...what, '-in', `${file}`).trim();
  t.equal(`subject=${facts.subjectDN}`, show('-subject', '-nameopt', 'RFC2253,-esc_msb,utf8'));
  t.equal(`issuer=${facts.issuerDN}`, show('-issuer', '-nameopt', 'RFC2253,-esc_msb,utf8'));
  t.equal(`serial=${facts.serialNumber}`, show('-serial'));
  t.equal(facts.serialNumber, draft.serialNumber);
  t.equal(certificatePem(certificate).trim(), openssl('x509', '-in', `${file}`).trim());
  t.strictSame(
    { keyType: facts.keyType, spki: facts.spki, validFrom: facts.validFrom, validTo: facts.validTo },
    { keyType: 'RSA-2048', spki: key.spki, validFrom: draft.notBefore, validTo: draft.notAfter },
  );
});

t.test('what is no certificate is refused with a name', async (t) => {
  const { root } = await testAuthority('EC-P256', now);
  const broken = {
    empty: Buffer.alloc(0),
    text: Buffer.from('-----BEGIN CERTIFICATE-----'),
    truncated: root.subarray(0, -1),
    'trailing byte': Buffer.concat([root, Buffer.of(0)]),
    'another structure': testKey('EC-P256').spki,
  };
  for (const [what, bytes] of Object.entries(broken)) {
    t.throws(() => readCertificate(bytes), refused('document'), what);
  }
});

t.test('S74: serial numbers are positive, 16 bytes, and do not repeat', async (t) => {
  const serials = Array.from({ length: 2000 }, newSerialNumber);
  t.ok(serials.every((serial) => /^[4-7][0-9A-F]{31}$/.test(serial)));
  t.equal(new Set(serials).size, serials.length);
});
