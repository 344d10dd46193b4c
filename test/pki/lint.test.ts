import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import t from 'tap';
import { assembleCertificate, type CertificateDraft } from '../../src/pki/certificate.ts';
import { type LintedTbs, lint, signLinted } from '../../src/pki/lint.ts';
import { type Profile, profiles, validityOf } from '../../src/pki/profiles.ts';
import { readCertificate } from '../../src/pki/read.ts';
import { authoritySubject, draftOf, teacher, testAuthority, testKey } from '../helpers/authority.ts';
import { refused } from '../helpers/refused.ts';

const now = Date.UTC(2026, 10, 24, 3, 4, 5);
const { root, rootKey, issuing, issuingKey } = await testAuthority('EC-P256', now);
const key = testKey('EC-P256');
const spkiOf = ({ publicKey }: { publicKey: KeyObject }) => publicKey.export({ format: 'der', type: 'spki' });
const good = () => draftOf(profiles.individual, teacher, key.spki, now, issuing);

t.test('S75: a draft that breaks one rule is refused with the sentence of that rule', async (t) => {
  const day = 86_400_000;
  const sixYears = { years: { new: 6, renewed: 6 } };
  const profile = (change: Partial<Profile>): Partial<CertificateDraft> => ({
    profile: { ...profiles.individual, ...change },
  });
  const issuingDraft = draftOf(
    { ...profiles.issuing, keyTypes: ['EC-P256'] },
    authoritySubject('CA G2'),
    key.spki,
    now,
    root,
  );
  const subscriber = await signLinted(await lint(good()), issuingKey.sign);
  const evenModulus = Buffer.from(testKey('RSA-2048').spki);
  evenModulus[evenModulus.length - 6] = (evenModulus.at(-6) ?? 0) & 0xfe;
  const compressed = Buffer.concat([
    Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
    Buffer.of((key.spki.at(-1) ?? 0) % 2 === 0 ? 2 : 3),
    key.spki.subarray(27, 59),
  ]);
  t.doesNotThrow(() => createPublicKey({ key: compressed, format: 'der', type: 'spki' }), 'a readable key');

  const cases: [string, CertificateDraft, RegExp][] = [
    ['serial too short', { ...good(), serialNumber: '01' }, /serial number/],
    ['serial of zero (the generator draws its own)', { ...good(), serialNumber: '00'.repeat(16) }, /serial number/],
    ['serial too long', { ...good(), serialNumber: '7F'.repeat(21) }, /serial number/],
    ['serial that reads as negative', { ...good(), serialNumber: 'FF'.repeat(16) }, /serial number/],
    ['ends before it begins', { ...good(), notAfter: new Date(now - 1000) }, /whole seconds/],
    ['five years and a second', { ...good(), notAfter: new Date(good().notAfter.getTime() + 1000) }, /legal limit/],
    [
      'profile of six years',
      { ...good(), ...profile(sixYears), ...validityOf({ ...profiles.individual, ...sixYears }, 'new', now) },
      /legal limit/,
    ],
    [
      'begins before its issuer',
      { ...good(), notBefore: new Date(now - day), notAfter: new Date(now + day) },
      /within that of the issuer/,
    ],
    [
      'ends after its issuer',
      draftOf(profiles.individual, teacher, key.spki, now + 6 * 365 * day, issuing),
      /within that of the issuer/,
    ],
    [
      'key type that the profile does not know',
      { ...good(), publicKey: spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 })) },
      /subject key/,
    ],
    [
      'a curve that no table knows',
      { ...good(), publicKey: spkiOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })) },
      /subject key/,
    ],
    ['RSA with an even modulus', { ...good(), publicKey: evenModulus }, /subject key/],
    ['key in a second encoding', { ...good(), publicKey: compressed }, /subject key/],
    ['the key of its issuer', { ...good(), publicKey: issuingKey.spki }, /differs from the key of its issuer/],
    [
      'issued by a subscriber',
      { ...good(), issuer: subscriber, publicKey: testKey('EC-P256').spki, notAfter: new Date(now + day) },
      /issuer is an authority/,
    ],
    [
      'an authority below a path length of 0',
      { ...issuingDraft, issuer: issuing, notAfter: new Date(now + day) },
      /issuer is an authority/,
    ],
    [
      'a subscriber without an issuer',
      { ...draftOf(profiles.individual, teacher, key.spki, now) },
      /issuer is an authority/,
    ],
    [
      'an authority in a subscriber profile',
      { ...good(), ...profile({ authority: { pathLength: 0 } }) },
      /issuer is an authority/,
    ],
    [
      'a subscriber that signs certificates',
      { ...good(), ...profile({ keyUsage: ['digitalSignature', 'keyCertSign'] }) },
      /signs data only/,
    ],
    [
      'a subscriber without nonRepudiation',
      { ...good(), ...profile({ keyUsage: ['digitalSignature'] }) },
      /signs data only/,
    ],
    ['no key usage', { ...good(), ...profile({ keyUsage: [] }) }, /signs data only/],
    [
      'an authority that signs data',
      {
        ...issuingDraft,
        profile: { ...issuingDraft.profile, keyUsage: ['keyCertSign', 'cRLSign', 'digitalSignature'] },
      },
      /signs certificates and CRLs only/,
    ],
  ];
  for (const [what, draft, rule] of cases) {
    await t.rejects(lint(draft), { ...refused('lintRefused'), message: rule }, what);
  }
  await t.resolves(lint(good()), 'the unbent draft passes');
  await t.resolves(lint(issuingDraft), 'and that of an authority');
  await t.rejects(lint({ ...good(), subject: { ...teacher, commonName: 'Lê\u202eĐạt' } }), refused('nameRefused'));
});

t.test('S75: only what lint made is signed, once, and byte for byte', async (t) => {
  let signed = 0;
  const counting = (data: Uint8Array) => {
    signed += 1;
    return issuingKey.sign(data);
  };
  const forged = { tbs: (await lint(good())).tbs } as LintedTbs;
  await t.rejects(signLinted(forged, counting), refused('lintRefused'), 'a look-alike is not signed');
  t.equal(signed, 0, 'the key was not asked');

  const linted = await lint(good());
  const tbs = Buffer.from(linted.tbs);
  linted.tbs.fill(0);
  const certificate = await signLinted(linted, counting);
  t.strictSame(certificate, assembleCertificate(tbs, certificate.subarray(certificate.indexOf(tbs) + tbs.length + 15)));
  t.equal(readCertificate(certificate).keyType, 'EC-P256', 'bytes changed after the lint do not reach the certificate');
  await t.rejects(signLinted(linted, counting), refused('lintRefused'), 'redeemed once');
  t.equal(signed, 1);
});

t.test('a signature that is not of the issuer key never leaves', async (t) => {
  await t.rejects(signLinted(await lint(good()), rootKey.sign), refused('integrity'), 'another key');
  const flipped = async (data: Uint8Array) => issuingKey.sign(Buffer.concat([data, Buffer.of(0)]));
  await t.rejects(signLinted(await lint(good()), flipped), refused('integrity'), 'other bytes');
});

t.test('a certificate ends with its issuer when that is earlier than its profile says', async (t) => {
  const end = new Date(now + 1000);
  t.strictSame(validityOf(profiles.individual, 'new', now, end).notAfter, end);
  t.strictSame(
    validityOf(profiles.individual, 'new', now, new Date(now * 2)).notAfter,
    new Date(Date.UTC(2031, 10, 24, 3, 4, 4)),
  );
});
