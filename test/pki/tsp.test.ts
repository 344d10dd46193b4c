import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type DigestName, digestNames } from '../../src/crypto/algorithms.ts';
import { certificateFields } from '../../src/pki/certificate-fields.ts';
import { readSignedData } from '../../src/pki/cms-reader.ts';
import { der, derNull, derOid, integer, octetString, sequence } from '../../src/pki/der.ts';
import { readDer } from '../../src/pki/der-reader.ts';
import { extension } from '../../src/pki/extensions.ts';
import { profiles } from '../../src/pki/profiles.ts';
import {
  encodeTimestampRequest,
  messageImprint,
  readTimestampRequest,
  requestFault,
  type TimestampFailure,
  timestampFailure,
  timestampResponse,
  timestampTst,
} from '../../src/pki/tsp.ts';
import {
  assembleTimestampToken,
  isStampedBy,
  readTimestampResponse,
  readTimestampToken,
  timestampAttributes,
} from '../../src/pki/tsp-token.ts';
import { authoritySubject, openssl, pemFiles, type TestKey, teacher, testKey } from '../helpers/authority.ts';
import { said, testPki } from '../helpers/pki.ts';
import { refused } from '../helpers/refused.ts';

const pki = await testPki('RSA-3072');
const policy = '2.25.329800735698586629295641978511506172918';
type Unit = { key: TestKey; certificate: Buffer };
const rsaUnit: Unit = { key: pki.tsaKey, certificate: pki.tsa };
const ecKey = testKey('EC-P256');
const ecUnit: Unit = { key: ecKey, certificate: await pki.issue(profiles.tsa, authoritySubject('TSA EC'), ecKey) };

/** What a TSA answers to a request; its clock shows the PKI's now. */
async function stamp({ key, certificate }: Unit, request: Buffer, milliseconds = 0): Promise<Buffer> {
  const { messageImprint, nonce, certReq } = readTimestampRequest(request);
  const genTime = new Date(Math.floor(pki.now / 1000) * 1000 + milliseconds);
  const tst = timestampTst({
    policy,
    messageImprint,
    serialNumber: 2n ** 159n,
    genTime,
    accuracyMs: 1001,
    ...(nonce && { nonce }),
  });
  const attributes = timestampAttributes(tst, certificate);
  const signature = await key.sign(attributes);
  return assembleTimestampToken({ tst, attributes, signature, chain: [certificate, pki.issuing], certReq });
}

const requestFor = (data: string, digest: DigestName, certReq = true, nonce?: Buffer) =>
  encodeTimestampRequest({
    messageImprint: messageImprint(digest, createHash(digest).update(data).digest()),
    certReq,
    ...(nonce && { nonce }),
  });

function filesOf(t: Test) {
  const directory = t.testdir({ data: 'Giấy ra viện' });
  const { root, issuing } = pki;
  const files = pemFiles(directory, { root, issuing, tsa: rsaUnit.certificate, ec: ecUnit.certificate });
  const at = (name: string) => join(directory, name);
  return { at, trust: ['-CAfile', `${files.root}`, '-untrusted', `${files.issuing}`], root, files };
}

t.test(
  'S80: openssl ts verifies our answers to its questions: every digest, RSA and EC, with and without certificates',
  async (t) => {
    const { at, trust, files } = filesOf(t);
    for (const [name, unit] of Object.entries({ tsa: rsaUnit, ec: ecUnit })) {
      for (const digest of digestNames) {
        for (const cert of [['-cert'], []]) {
          const hash = `-${digest.replace('-', '').toLowerCase()}`;
          openssl('ts', '-query', '-data', at('data'), hash, ...cert, '-out', at('query.tsq'));
          writeFileSync(at('reply.tsr'), timestampResponse(await stamp(unit, readFileSync(at('query.tsq')), 120)));
          const chain = join(at('.'), 'chain.pem');
          writeFileSync(chain, readFileSync(`${files.issuing}`, 'utf8') + readFileSync(`${files[name]}`, 'utf8'));
          const untrusted = cert.length > 0 ? trust : ['-CAfile', `${files.root}`, '-untrusted', chain];
          const query = await said(
            'openssl',
            'ts',
            '-verify',
            '-queryfile',
            at('query.tsq'),
            '-in',
            at('reply.tsr'),
            ...untrusted,
          );
          t.match(query.text, /Verification: OK/, `${name} ${digest} ${cert}`);
          const data = await said(
            'openssl',
            'ts',
            '-verify',
            '-data',
            at('data'),
            '-in',
            at('reply.tsr'),
            '-x509_strict',
            ...untrusted,
          );
          t.match(data.text, /Verification: OK/);
        }
      }
    }
    const text = openssl('ts', '-reply', '-in', at('reply.tsr'), '-text');
    t.match(text, /Time stamp: .*\.12 \d{4} GMT/, 'milliseconds without trailing zeros');
    t.match(text, /Accuracy: 0x01 seconds, 0x01 millis/);
    t.match(text, `Policy OID: ${policy}`);
    t.match(text, /Ordering: no\n/);
    writeFileSync(at('data'), 'Giấy ra viện giả');
    t.match(
      (await said('openssl', 'ts', '-verify', '-data', at('data'), '-in', at('reply.tsr'), ...trust)).text,
      /FAILED/,
    );
  },
);

t.test(
  'S80: a token is DER to the byte: no defaults, attributes in order, ESSCertIDv2 of the TSA, the nonce as it came',
  async (t) => {
    for (const nonce of [Buffer.of(0), Buffer.of(0x00, 0xff), Buffer.of(0xff), randomBytes(20).fill(0x71, 0, 1)]) {
      const token = await stamp(rsaUnit, requestFor('x', 'SHA-384', true, nonce));
      const read = readTimestampToken(token);
      t.strictSame(read.nonce, nonce);
      t.match(read, {
        policy,
        digest: 'SHA-384',
        serialNumber: `80${'0'.repeat(38)}`,
        certificate: rsaUnit.certificate,
      });
      t.strictSame(read.imprint, createHash('sha384').update('x').digest());
      t.equal(read.genTime.getTime(), Math.floor(pki.now / 1000) * 1000);

      const { contentType, signedAttributes, attributes, certificates } = readSignedData(token);
      t.equal(contentType, '1.2.840.113549.1.9.16.1.4');
      const set = readDer(signedAttributes, 'attributes', 0x31).list(9, (list) => list.element().raw);
      t.equal(set.length, 3, 'content type, message digest, signing certificate; no signing time');
      t.strictSame(set, set.toSorted(Buffer.compare), 'SET OF in the order of DER');
      const hash = createHash('sha256').update(rsaUnit.certificate).digest();
      t.strictSame(attributes.get('1.2.840.113549.1.9.16.2.47'), sequence(sequence(sequence(octetString(hash)))));
      t.same(certificates.toSorted(Buffer.compare), [rsaUnit.certificate, pki.issuing].toSorted(Buffer.compare));
    }
    const others = [pki.issuing, pki.root, pki.person].toSorted((a, b) => Buffer.compare(b, a));
    const { tst: stamped, signed: inOrder } = readTimestampToken(await stamp(rsaUnit, requestFor('x', 'SHA-256')));
    const carrying = assembleTimestampToken({
      ...{ tst: stamped, attributes: inOrder.signedAttributes, signature: inOrder.signature, certReq: true },
      chain: [rsaUnit.certificate, ...others],
    });
    const carried = readSignedData(carrying).certificates;
    t.equal(carried.length, 4);
    t.strictSame(carried, carried.toSorted(Buffer.compare), 'and so are the certificates');

    const genTime = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 60));
    const imprint = messageImprint('SHA-256', Buffer.alloc(32));
    const facts = { policy: '2.25.1', messageImprint: imprint, serialNumber: 128, genTime };
    const time = (text: string) => der(0x18, Buffer.from(text));
    const bare = [integer(1), Buffer.from('06026901', 'hex'), imprint, Buffer.from('02020080', 'hex')];
    t.strictSame(timestampTst(facts), sequence(...bare, time('20260102030405.06Z')));
    t.strictSame(
      timestampTst({ ...facts, genTime: new Date(Date.UTC(2051, 0, 2)), accuracyMs: 250, nonce: Buffer.of(0, 0x80) }),
      sequence(
        ...bare,
        time('20510102000000Z'),
        Buffer.from('30048002', 'hex'),
        Buffer.from('00fa', 'hex'),
        Buffer.from('02020080', 'hex'),
      ),
    );
    t.strictSame(timestampTst({ ...facts, accuracyMs: 2000 }).subarray(-5), Buffer.from('3003020102', 'hex'));

    const without = await stamp(rsaUnit, requestFor('x', 'SHA-256', false));
    t.strictSame(readSignedData(without).certificates, []);
    t.equal(readTimestampToken(without).certificate, undefined);
    const { tst, signed } = readTimestampToken(without);
    t.ok(isStampedBy(signed, rsaUnit.certificate, tst));
  },
);

t.test('S80: what cannot be stamped is refused with its reason', async (t) => {
  const { at } = filesOf(t);
  const hash = Buffer.alloc(32, 5);
  const imprintOf = (oid: string, bytes: Buffer) => sequence(sequence(derOid(oid), derNull), octetString(bytes));
  const imprint = messageImprint('SHA-256', hash);
  const request = (...fields: Buffer[]) => sequence(integer(1), ...fields);
  const faults: [string, Buffer, TimestampFailure | undefined][] = [
    ['nothing wrong', request(imprint), undefined],
    ['our policy', request(imprint, derOid(policy)), undefined],
    ['without NULL', request(sequence(sequence(derOid('2.16.840.1.101.3.4.2.1')), octetString(hash))), undefined],
    ['SHA-1', request(imprintOf('1.3.14.3.2.26', Buffer.alloc(20))), 'badAlg'],
    ['MD5', request(imprintOf('1.2.840.113549.2.5', Buffer.alloc(16))), 'badAlg'],
    ['SHA-256 of 20 bytes', request(imprintOf('2.16.840.1.101.3.4.2.1', Buffer.alloc(20))), 'badDataFormat'],
    ['another policy', request(imprint, derOid('1.2.3')), 'unacceptedPolicy'],
    ['an extension', request(imprint, der(0xa0, extension('1.2.3', false, derNull))), 'unacceptedExtension'],
    ['a critical extension', request(imprint, der(0xa0, extension('1.2.3', true, derNull))), 'unacceptedExtension'],
  ];
  for (const [what, bytes, fault] of faults) t.equal(requestFault(readTimestampRequest(bytes), policy), fault, what);
  const malformed: [string, Buffer][] = [
    ['version 2', sequence(integer(2), imprint)],
    ['an empty hash', request(imprintOf('2.16.840.1.101.3.4.2.1', Buffer.alloc(0)))],
    ['a nonce of 129 octets', request(imprint, der(2, Buffer.alloc(129, 1)))],
    ['a padded nonce', request(imprint, der(2, Buffer.of(0, 1)))],
    ['fields in another order', request(imprint, der(1, Buffer.of(0xff)), integer(5))],
    ['more than 16 kB', request(imprint, der(0xa0, extension('1.2.3', false, Buffer.alloc(16_384))))],
  ];
  for (const [what, bytes] of malformed) t.throws(() => readTimestampRequest(bytes), refused('document'), what);
  t.throws(() => messageImprint('SHA-256', Buffer.alloc(20)), refused('digestLength'));

  const texts: Record<TimestampFailure, string> = {
    badAlg: 'unrecognized or unsupported algorithm identifier',
    badRequest: 'transaction not permitted or supported',
    badDataFormat: 'the data submitted has the wrong format',
    timeNotAvailable: "the TSA's time source is not available",
    unacceptedPolicy: 'the requested TSA policy is not supported by the TSA',
    unacceptedExtension: 'the requested extension is not supported by the TSA',
    addInfoNotAvailable: 'the additional information requested could not be understood or is not available',
    systemFailure: 'the request cannot be handled due to system failure',
  };
  for (const [failure, text] of Object.entries(texts)) {
    const response = timestampFailure(failure as TimestampFailure);
    writeFileSync(at('reply.tsr'), response);
    const said = openssl('ts', '-reply', '-in', at('reply.tsr'), '-text');
    t.match(said, /Status: Rejected\./);
    t.match(said, `Failure info: ${text}`);
    t.throws(() => readTimestampResponse(response), refused('unavailable'));
  }
});

t.test('a token counts only from a certificate that may stamp, over these bytes', async (t) => {
  const request = requestFor('x', 'SHA-256');
  const token = await stamp(rsaUnit, request);
  t.strictSame(readTimestampResponse(timestampResponse(token)), token);
  t.strictSame(readTimestampToken(token).certificate, rsaUnit.certificate);
  t.strictSame(readTimestampToken(await stamp(ecUnit, request)).certificate, ecUnit.certificate);
  const signerOf = async (unit: Unit) => readTimestampToken(await stamp(unit, request)).certificate;
  t.equal(await signerOf({ key: ecKey, certificate: rsaUnit.certificate }), undefined, 'another key');
  t.equal(await signerOf({ key: pki.personKey, certificate: pki.person }), undefined, 'a subscriber');
  t.equal(await signerOf({ key: pki.responderKey, certificate: pki.responder }), undefined, 'an OCSP responder');
  t.equal(await signerOf({ key: pki.issuingKey, certificate: pki.issuing }), undefined, 'an authority');

  const { signed, tst } = readTimestampToken(token);
  const other = timestampTst({
    policy,
    messageImprint: messageImprint('SHA-256', Buffer.alloc(32)),
    serialNumber: 1,
    genTime: new Date(0),
  });
  t.notOk(isStampedBy(signed, rsaUnit.certificate, other), 'another TSTInfo');
  t.notOk(isStampedBy({ ...signed, contentType: '1.2.840.113549.1.7.1' }, rsaUnit.certificate, tst), 'another type');
  const again = await pki.issue(profiles.tsa, authoritySubject('TSA 2'), rsaUnit.key);
  t.notOk(isStampedBy(signed, again, tst), 'another certificate of the same key: ESSCertIDv2 names one');
  t.notOk(isStampedBy({ ...signed, signature: Buffer.alloc(256) }, rsaUnit.certificate, tst), 'no signature');
  t.notOk(
    isStampedBy({ ...signed, algorithm: { oid: '1.2.840.113549.1.1.12' } }, rsaUnit.certificate, tst),
    'another digest',
  );
  t.throws(() => readTimestampToken(pki.person), refused('document'));
  t.equal(certificateFields(rsaUnit.certificate).extensions.find(({ oid }) => oid === '2.5.29.37')?.critical, true);
  await t.rejects(
    pki.issue(profiles.tsa, teacher, testKey('RSA-4096')),
    refused('lintRefused'),
    'a TSA of a kind of key that it does not accept',
  );
});

t.test("openssl's own tokens are read, too", async (t) => {
  const { at } = filesOf(t);
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', at('key.pem'));
  openssl('pkey', '-in', at('key.pem'), '-pubout', '-outform', 'DER', '-out', at('spki.der'));
  const key = { ...ecKey, spki: readFileSync(at('spki.der')) };
  const certificate = await pki.issue(profiles.tsa, authoritySubject('Openssl'), key);
  const files = pemFiles(at('.'), { signer: certificate });
  const nonce = Buffer.of(0x51, 2, 3);
  writeFileSync(at('query.tsq'), requestFor('x', 'SHA-512', true, nonce));
  const lines = ['[tsa]', 'default_tsa=c', '[c]', `serial=${at('serial')}`, 'crypto_device=builtin'];
  lines.push(
    `signer_cert=${files.signer}`,
    `signer_key=${at('key.pem')}`,
    'signer_digest=sha256',
    'default_policy=1.2.3',
  );
  lines.push('digests=sha512', 'accuracy=secs:1', 'ordering=yes', 'tsa_name=yes', 'ess_cert_id_chain=no');
  writeFileSync(at('ts.cnf'), lines.join('\n'));
  for (const hash of ['sha1', 'sha256', 'sha384']) {
    writeFileSync(at('ts.cnf'), [...lines, `ess_cert_id_alg=${hash}`].join('\n'));
    openssl('ts', '-reply', '-config', at('ts.cnf'), '-queryfile', at('query.tsq'), '-out', at('reply.tsr'));
    const read = readTimestampToken(readTimestampResponse(readFileSync(at('reply.tsr'))));
    t.match(read, { policy: '1.2.3', digest: 'SHA-512', nonce, certificate }, hash);
  }
});
