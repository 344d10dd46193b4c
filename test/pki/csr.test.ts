import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { KeyTypeName } from '../../src/crypto/algorithms.ts';
import { assembleRequest, readRequest, requestInfo } from '../../src/pki/csr.ts';
import { der, integer, sequence } from '../../src/pki/der.ts';
import { distinguishedName } from '../../src/pki/distinguished-name.ts';
import { encodeName } from '../../src/pki/names.ts';
import { joinSigned, signatureAlgorithm } from '../../src/pki/signed.ts';
import { openssl, teacher, testKey } from '../helpers/authority.ts';
import { said } from '../helpers/pki.ts';
import { refused } from '../helpers/refused.ts';

const subject = encodeName(teacher);

t.test('S77: openssl and certtool accept our requests, and we read them back', async (t) => {
  for (const type of ['RSA-2048', 'EC-P256', 'EC-P521'] satisfies KeyTypeName[]) {
    const key = testKey(type);
    const info = requestInfo(subject, key.spki);
    const request = assembleRequest(info, await key.sign(info));
    const file = join(t.testdir({ [type]: {} }), 'request.der');
    writeFileSync(file, request);
    const verdict = await said('openssl', 'req', '-inform', 'DER', '-in', file, '-verify', '-noout', '-text');
    t.match(verdict.text, /verify OK/, type);
    t.match(verdict.text, /Attributes:\s+\(none\)|Attributes:\s+a0:00/);
    const second = await said('certtool', '--crq-info', '--inder', '--infile', file);
    t.match(second.text, /Self signature: verified/, `certtool: ${type}`);
    t.strictSame(readRequest(request), {
      subject,
      subjectDN: distinguishedName(subject),
      spki: key.spki,
      keyType: type,
    });
  }
});

t.test('S76: a request by openssl is read; the extensions that it asks for are not', async (t) => {
  const directory = t.testdir();
  const file = join(directory, 'request.der');
  const make = (...args: string[]) => {
    openssl('req', '-new', '-nodes', '-keyout', join(directory, 'key.pem'), '-outform', 'DER', '-out', file, ...args);
    return readFileSync(file);
  };
  const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=keyCertSign'];
  const request = readRequest(
    make('-newkey', 'rsa:2048', '-utf8', '-subj', '/C=VN/O=Sở Y tế/CN=Lê Đạt', ...extensions),
  );
  t.equal(request.subjectDN, 'CN=Lê Đạt,O=Sở Y tế,C=VN');
  t.equal(request.keyType, 'RSA-2048');
  t.strictSame(Object.keys(request), ['subject', 'subjectDN', 'spki', 'keyType']);
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-subj', '/CN=x'];
  t.equal(readRequest(make(...curve, '-sha384')).keyType, 'EC-P384');
  t.throws(() => readRequest(make(...curve, '-sha1')), refused('document'), 'SHA-1');
  t.throws(() => readRequest(make('-newkey', 'ed25519', '-subj', '/CN=x')), refused('document'), 'another kind of key');
});

t.test('S77: a request without proof of possession is refused', async (t) => {
  const [key, other] = [testKey('EC-P256'), testKey('EC-P256')];
  const info = requestInfo(subject, key.spki);
  const signature = await key.sign(info);
  const algorithm = signatureAlgorithm(key.spki);
  const cases: [string, Buffer][] = [
    ['signed by another key', assembleRequest(info, await other.sign(info))],
    ['with a swapped key', assembleRequest(requestInfo(subject, other.spki), signature)],
    [
      'with another name',
      assembleRequest(requestInfo(encodeName({ ...teacher, commonName: 'Lê Đạt' }), key.spki), signature),
    ],
    ['with no signature', assembleRequest(info, Buffer.alloc(0))],
    [
      'with the algorithm of another kind of key',
      joinSigned({ tbs: info, algorithm: signatureAlgorithm(testKey('RSA-2048').spki), signature }),
    ],
    [
      'with an unknown algorithm',
      joinSigned({ tbs: info, algorithm: sequence(Buffer.from('06022a03', 'hex')), signature }),
    ],
    ['with something behind', joinSigned({ tbs: info, algorithm, signature }, integer(1))],
    ['too long', Buffer.concat([assembleRequest(info, signature), Buffer.alloc(16_384)])],
  ];
  for (const [what, request] of cases) t.throws(() => readRequest(request), refused('document'), what);

  const version2 = sequence(integer(1), subject, key.spki, der(0xa0));
  const wrong = joinSigned({ tbs: version2, algorithm, signature: await key.sign(version2) });
  t.throws(() => readRequest(wrong), refused('document'), 'of another version');
  const { publicKey, privateKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
  const pss = requestInfo(subject, publicKey.export({ format: 'der', type: 'spki' }));
  const signed = joinSigned({ tbs: pss, algorithm, signature: sign('sha256', pss, privateKey) });
  t.throws(() => readRequest(signed), refused('document'), 'a key for RSASSA-PSS only');
});
