import { execFileSync } from 'node:child_process';
import t, { type Test } from 'tap';
import {
  type DigestName,
  digestNames,
  digests,
  hashMember,
  type KeyTypeName,
  keyTypes,
  longestSalt,
  pssParams,
  resolveScheme,
  signAlgos,
  signAlgosOf,
} from '../../src/crypto/algorithms.ts';
import { certificateFields } from '../../src/pki/certificate-fields.ts';
import { refused } from '../helpers/refused.ts';
import { tlv } from './tlv.ts';

const pss = '1.2.840.113549.1.1.10';
const keyTypeNames = Object.keys(keyTypes) as KeyTypeName[];
const rsaTypes = keyTypeNames.filter((name) => keyTypes[name].family === 'RSA');
const hex = (text: string) => Buffer.from(text, 'hex');

const hashOids = {
  'SHA-1': '06052b0e03021a',
  'SHA-224': '0609608648016503040204',
  'SHA-256': '0609608648016503040201',
  'SHA-384': '0609608648016503040202',
  'SHA-512': '0609608648016503040203',
};
const mgf1Oid = hex('06092a864886f70d010108');
const nothing = hex('0500');

type Hash = keyof typeof hashOids;
/** An AlgorithmIdentifier: with NULL parameters, or with none. */
const algorithm = (name: Hash, ...parameters: Buffer[]) => tlv(0x30, hex(hashOids[name]), ...parameters);
const mgf1 = (name: Hash, ...parameters: Buffer[]) => tlv(0x30, mgf1Oid, algorithm(name, ...parameters));
const field = (number: number, content: Buffer) => tlv(0xa0 + number, content);
const integer = (value: string) => tlv(0x02, hex(value));

const hash256 = field(0, algorithm('SHA-256', nothing));
const mgf256 = field(1, mgf1('SHA-256', nothing));
const salt32 = field(2, integer('20'));
const trailer1 = field(3, integer('01'));
const resolve = (params: Buffer, hashAlgo?: string, keyType: KeyTypeName = 'RSA-2048') =>
  resolveScheme(keyType, pss, hashAlgo, params);

t.test('key.algo lists the hash-bound algorithms first and RSASSA-PSS last', async (t) => {
  const pkcs1 = '1.2.840.113549.1.1';
  for (const name of rsaTypes) {
    t.same(signAlgosOf(name), [`${pkcs1}.11`, `${pkcs1}.12`, `${pkcs1}.13`, `${pkcs1}.1`, `${pkcs1}.10`]);
  }
  const ecdsa = '1.2.840.10045.4.3';
  for (const name of ['EC-P256', 'EC-P384', 'EC-P521'] as const) {
    t.same(signAlgosOf(name), [`${ecdsa}.2`, `${ecdsa}.3`, `${ecdsa}.4`]);
  }
});

t.test('the member that must name the hash: none, hashAlgo, or signAlgoParams', async (t) => {
  for (const { oid, digest } of signAlgos) if (digest) t.equal(hashMember(oid), undefined, oid);
  t.equal(hashMember('1.2.840.113549.1.1.1'), 'hashAlgo');
  t.equal(hashMember(pss), 'signAlgoParams');
  t.equal(hashMember('1.2.840.113549.1.1.5'), undefined, 'an unknown algorithm');
});

t.test('each algorithm resolves for the keys of its family, and for no other', async (t) => {
  for (const keyType of keyTypeNames) {
    for (const { oid, family, digest } of signAlgos) {
      const call = () => resolveScheme(keyType, oid, digests['SHA-384'].oid, pssParams('SHA-384'));
      if (family !== keyTypes[keyType].family) {
        t.throws(call, refused('signAlgoInvalid'), `${oid} with ${keyType}`);
        continue;
      }
      t.equal(call().digest, digest ?? 'SHA-384', `${oid} with ${keyType}: an implied hash wins`);
      t.equal(call().pss !== undefined, oid === pss);
    }
    t.throws(() => resolveScheme(keyType, '1.2.840.113549.1.1.5'), refused('signAlgoInvalid'), 'SHA-1');
  }
  t.throws(() => resolveScheme('RSA-2048', '1.2.840.113549.1.1.1'), refused('hashAlgoInvalid'));
  t.throws(() => resolveScheme('RSA-2048', '1.2.840.113549.1.1.1', '1.3.14.3.2.26'), refused('hashAlgoInvalid'));
});

t.test('parameters given with an algorithm that takes none are ignored', async (t) => {
  t.same(resolveScheme('EC-P256', '1.2.840.10045.4.3.2', undefined, hex('ff')), { digest: 'SHA-256' });
  t.same(resolveScheme('RSA-2048', '1.2.840.113549.1.1.12', undefined, nothing), { digest: 'SHA-384' });
});

t.test('the parameters that we fill in are the usual ones, byte for byte', async (t) => {
  const usual = {
    'SHA-256': 'MDSgDzANBglghkgBZQMEAgEFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgEFAKIDAgEg',
    'SHA-384': 'MDSgDzANBglghkgBZQMEAgIFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgIFAKIDAgEw',
    'SHA-512': 'MDSgDzANBglghkgBZQMEAgMFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgMFAKIDAgFA',
  };
  for (const digest of digestNames) {
    t.equal(pssParams(digest).toString('base64'), usual[digest]);
    const scheme = { digest, pss: { mgfDigest: digest, saltLength: digests[digest].length } };
    for (const keyType of rsaTypes) t.same(resolve(pssParams(digest), undefined, keyType), scheme);
  }
});

t.test('RSASSA-PSS-params are read with and without NULL, with and without the trailer, salt as given', async (t) => {
  for (const digest of digestNames) {
    for (const mgfDigest of digestNames) {
      for (const first of [[], [nothing]]) {
        for (const second of [[], [nothing]]) {
          for (const trailer of [[], [trailer1]]) {
            const given = [field(0, algorithm(digest, ...first)), field(1, mgf1(mgfDigest, ...second)), salt32];
            const params = tlv(0x30, ...given, ...trailer);
            t.same(resolve(params), { digest, pss: { mgfDigest, saltLength: 32 } }, params.toString('hex'));
          }
        }
      }
    }
  }
  const withSalt = (...salt: Buffer[]) => resolve(tlv(0x30, hash256, mgf256, ...salt)).pss?.saltLength;
  t.equal(withSalt(), 20, 'RFC 8017: the default, whatever the hash');
  t.equal(withSalt(field(2, integer('14'))), 20, 'the default written out');
  t.equal(withSalt(field(2, integer('00'))), 0);
  t.equal(withSalt(field(2, integer('00de'))), 222);
});

t.test('what openssl writes into a certificate is read', async (t) => {
  for (const [salt, expected] of [
    ['digest', 48],
    ['20', 20],
    ['0', 0],
    ['max', 206],
  ] as const) {
    const options = [
      ...['rsa_padding_mode:pss', `rsa_pss_saltlen:${salt}`, 'rsa_mgf1_md:sha512'].flatMap((one) => ['-sigopt', one]),
      ...['-sha384', '-subj', '/CN=test', '-outform', 'DER', '-keyout', '/dev/null'],
    ];
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...options];
    const certificate = execFileSync('openssl', request, { stdio: ['ignore', 'pipe', 'ignore'] });
    const params = certificateFields(certificate).innerAlgorithm.subarray(2 + 11);
    t.same(resolve(params), { digest: 'SHA-384', pss: { mgfDigest: 'SHA-512', saltLength: expected } }, salt);
  }
});

function isRefused(t: Test, params: Buffer | undefined, why: string): void {
  t.throws(() => resolveScheme('RSA-2048', pss, undefined, params), refused('signAlgoParamsInvalid'), why);
}

t.test('RSASSA-PSS without parameters, or with none that we accept, is refused', async (t) => {
  isRefused(t, undefined, 'missing');
  for (const [why, params] of [
    ['empty', Buffer.alloc(0)],
    ['NULL', nothing],
    ['an empty SEQUENCE: all defaults, which is SHA-1', tlv(0x30)],
    ['no hash', tlv(0x30, mgf256, salt32)],
    ['no MGF', tlv(0x30, hash256, salt32)],
    ['SHA-1', tlv(0x30, field(0, algorithm('SHA-1', nothing)), mgf256, salt32)],
    ['SHA-224', tlv(0x30, field(0, algorithm('SHA-224', nothing)), mgf256, salt32)],
    ['MGF1 with SHA-1', tlv(0x30, hash256, field(1, mgf1('SHA-1', nothing)), salt32)],
    ['MGF1 without a hash', tlv(0x30, hash256, field(1, tlv(0x30, mgf1Oid)), salt32)],
    ['another MGF', tlv(0x30, hash256, field(1, tlv(0x30, hex(hashOids['SHA-256']), algorithm('SHA-256'))), salt32)],
    ['trailer 2', tlv(0x30, hash256, mgf256, salt32, field(3, integer('02')))],
    ['trailer 0', tlv(0x30, hash256, mgf256, salt32, field(3, integer('00')))],
    ['trailer 1 in two bytes', tlv(0x30, hash256, mgf256, salt32, field(3, integer('0001')))],
    ['a negative salt', tlv(0x30, hash256, mgf256, field(2, integer('ff')))],
    ['a padded salt', tlv(0x30, hash256, mgf256, field(2, integer('0020')))],
    ['an empty salt', tlv(0x30, hash256, mgf256, field(2, integer('')))],
    ['a salt of 2^31 bytes', tlv(0x30, hash256, mgf256, field(2, integer('0080000000')))],
    ['a salt that is no INTEGER', tlv(0x30, hash256, mgf256, field(2, tlv(0x04, hex('20'))))],
    ['a salt without its tag', tlv(0x30, hash256, mgf256, integer('20'))],
    ['a salt of two INTEGERs', tlv(0x30, hash256, mgf256, field(2, Buffer.concat([integer('20'), integer('20')])))],
    ['a byte behind the salt', tlv(0x30, hash256, mgf256, field(2, hex('02010080')))],
    ['fields out of order', tlv(0x30, mgf256, hash256, salt32)],
    ['a field twice', tlv(0x30, hash256, hash256, mgf256, salt32)],
    ['an unknown field', tlv(0x30, hash256, mgf256, salt32, trailer1, field(4, integer('01')))],
    ['fields of a primitive tag', tlv(0x30, tlv(0x80, algorithm('SHA-256')), mgf256, salt32)],
    ['parameters other than NULL', tlv(0x30, field(0, algorithm('SHA-256', integer('01'))), mgf256, salt32)],
    ['bytes behind the hash', tlv(0x30, field(0, Buffer.concat([algorithm('SHA-256'), nothing])), mgf256, salt32)],
    ['bytes behind the end', Buffer.concat([tlv(0x30, hash256, mgf256, salt32), nothing])],
    ['bytes behind the fields', tlv(0x30, hash256, mgf256, salt32, nothing)],
    ['a SET', tlv(0x31, hash256, mgf256, salt32)],
    ['an indefinite length', Buffer.concat([hex('3080'), hash256, mgf256, salt32, hex('0000')])],
    ['a length in the long form', Buffer.concat([hex('3081'), tlv(0x30, hash256, mgf256, salt32).subarray(1)])],
    ['a length beyond the end', tlv(0x30, hash256, mgf256, salt32).subarray(0, -1)],
    ['an AlgorithmIdentifier around it', tlv(0x30, hex('06092a864886f70d01010a'), pssParams('SHA-256'))],
    ['512 bytes', Buffer.alloc(512, 0x30)],
  ] as const) {
    isRefused(t, params, why);
  }
  for (let cut = 0; cut < pssParams('SHA-256').length; cut++) {
    isRefused(t, pssParams('SHA-256').subarray(0, cut), `cut to ${cut} bytes`);
  }
});

t.test('a salt is honoured up to the room that the key has, and refused beyond (RFC 8017 §9.1.1)', async (t) => {
  const longest = { 'RSA-2048': [222, 206, 190], 'RSA-3072': [350, 334, 318], 'RSA-4096': [478, 462, 446] };
  const withSalt = (digest: DigestName, length: number) => {
    const digits = length.toString(16);
    const sign = length > 0xff ? '0' : '00';
    const hash = field(0, algorithm(digest));
    return tlv(0x30, hash, mgf256, field(2, integer(sign + digits)));
  };
  for (const [keyType, lengths] of Object.entries(longest) as [keyof typeof longest, number[]][]) {
    for (const [index, digest] of digestNames.entries()) {
      const most = lengths[index]!;
      t.equal(longestSalt(keyType, digest), most);
      t.equal(resolve(withSalt(digest, most), undefined, keyType).pss?.saltLength, most);
      const more = () => resolve(withSalt(digest, most + 1), undefined, keyType);
      t.throws(more, refused('signAlgoParamsInvalid'), `${keyType} ${digest}`);
    }
  }
});

t.test('hashAlgo beside PSS parameters may repeat their hash, and not contradict it', async (t) => {
  t.equal(resolve(pssParams('SHA-384'), digests['SHA-384'].oid).digest, 'SHA-384');
  for (const other of [digests['SHA-256'].oid, '1.3.14.3.2.26', 'nonsense', '']) {
    t.throws(() => resolve(pssParams('SHA-384'), other), refused('signAlgoParamsInvalid'), other);
  }
});
