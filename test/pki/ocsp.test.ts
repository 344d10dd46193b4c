import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { certificateFields } from '../../src/pki/certificate-fields.ts';
import { der, derNull, derOid, integer, octetString, sequence } from '../../src/pki/der.ts';
import { extension } from '../../src/pki/extensions.ts';
import {
  assembleOcsp,
  certIdMatches,
  type OcspStatus,
  ocspError,
  ocspTbs,
  readOcspRequest,
} from '../../src/pki/ocsp.ts';
import { encodeOcspRequest, isAuthorisedOcsp, type OcspResponse, readOcspResponse } from '../../src/pki/ocsp-client.ts';
import { profiles } from '../../src/pki/profiles.ts';
import { keyBits } from '../../src/pki/public-key.ts';
import { readCertificate } from '../../src/pki/read.ts';
import { authoritySubject, openssl, pemFiles, teacher, testKey } from '../helpers/authority.ts';
import { said, type TestPki, testPki } from '../helpers/pki.ts';
import { refused } from '../helpers/refused.ts';

const pkis = [await testPki('RSA-3072'), await testPki('EC-P256')];
const [rsa, pki] = pkis as [TestPki, TestPki];
const nonceOid = '1.3.6.1.5.5.7.48.1.2';

/** What a responder says of whatever it is asked, signed by its delegate or by `signer`. */
async function answer(
  of: TestPki,
  request: Buffer,
  status: OcspStatus,
  signer = { key: of.responderKey, certificate: of.responder },
): Promise<Buffer> {
  const { certIds, nonce } = readOcspRequest(request);
  const [thisUpdate, nextUpdate] = [new Date(of.now), new Date(of.now + 3_600_000)];
  const answers = certIds.map((id) => ({
    certId: id.der,
    ...(certIdMatches(id, of.issuing) ? status : { status: 'unknown' as const }),
    ...{ thisUpdate, nextUpdate },
  }));
  const tbs = ocspTbs({ responderCertificate: signer.certificate, producedAt: thisUpdate, answers, nonce });
  return assembleOcsp(tbs, await signer.key.sign(tbs), [signer.certificate]);
}

/** A responder over HTTP on this machine. */
async function serve(t: Test, of: TestPki, status: OcspStatus): Promise<string> {
  const server = createServer((request, response) => {
    const body: Buffer[] = [];
    request.on('data', (chunk: Buffer) => body.push(chunk));
    request.on('end', async () => {
      response.setHeader('content-type', 'application/ocsp-response');
      response.end(await answer(of, Buffer.concat(body), status));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

for (const of of pkis) {
  t.test(`S79: openssl ocsp and ocsptool accept the answers of ${of.type}'s responder`, async (t) => {
    const { root, issuing, person, tsa } = of;
    const files = pemFiles(t.testdir(), { root, issuing, person, tsa });
    const revokedAt = new Date(of.now - 3_600_000);
    const statuses: [OcspStatus, RegExp, RegExp][] = [
      [{ status: 'good' }, /person\.pem: good/, /Certificate Status: good/],
      [
        { status: 'revoked', revokedAt, reason: 'affiliationChanged' },
        /person\.pem: revoked[\s\S]*Reason: affiliationChanged/,
        /Certificate Status: revoked/,
      ],
      [{ status: 'unknown' }, /person\.pem: unknown/, /Certificate Status: unknown/],
    ];
    for (const [status, opensslSays, gnutlsSays] of statuses) {
      const url = await serve(t, of, status);
      for (const hash of ['-sha1', '-sha256']) {
        const { ok, text } = await said(
          ...(['openssl', 'ocsp', '-url', url, '-issuer', `${files.issuing}`, hash] as const),
          ...['-cert', `${files.person}`, '-cert', `${files.tsa}`],
          ...['-CAfile', `${files.root}`, '-verify_other', `${files.issuing}`],
        );
        t.ok(ok, `${status.status} ${hash}`);
        t.match(text, 'Response verify OK');
        t.match(text, opensslSays);
        t.notMatch(text, /warning|error/i, 'without a word: the nonce came back, too');
      }
      const { text } = await said(
        ...(['ocsptool', `--ask=${url}`, '--nonce', '--load-cert', `${files.person}`] as const),
        ...['--load-issuer', `${files.issuing}`, '--load-trust', `${files.issuing}`],
      );
      t.match(text, gnutlsSays, 'ocsptool');
      t.match(text, /Verifying OCSP Response: (Success|Certificate was revoked)|OCSP Response Verification: Success/i);
    }
  });
}

t.test('S79: requests are read: who is asked about, by which hash, and the nonce', async (t) => {
  const { root, issuing, person } = pki;
  const directory = t.testdir();
  const files = pemFiles(directory, { issuing, person });
  const file = join(directory, 'request.der');
  openssl(
    'ocsp',
    '-issuer',
    `${files.issuing}`,
    '-cert',
    `${files.person}`,
    '-sha384',
    '-serial',
    '0x0A0B',
    '-reqout',
    file,
  );
  const { certIds, nonce } = readOcspRequest(readFileSync(file));
  t.equal(certIds[0]?.serialNumber, readCertificate(person).serialNumber);
  t.equal(certIds[0]?.hashAlgorithm, '1.3.14.3.2.26', 'openssl: hashes of what stands before -sha384');
  t.equal(certIds[1]?.serialNumber, '0A0B');
  t.equal(certIds[1]?.hashAlgorithm, '2.16.840.1.101.3.4.2.2');
  t.ok(certIds.every((id) => certIdMatches(id, issuing)));
  t.notOk(
    certIds.some((id) => certIdMatches(id, root)),
    'a foreign issuer',
  );
  t.equal(nonce?.length, 16);
  const nobody = { ...certIds[0]!, hashAlgorithm: '1.2.840.113549.2.5' };
  t.notOk(certIdMatches(nobody, issuing), 'MD5 matches no issuer');
  const half = { ...certIds[0]!, issuerKeyHash: Buffer.alloc(20) };
  t.notOk(certIdMatches(half, issuing), 'the name alone is not the issuer');

  const own = randomBytes(32);
  writeFileSync(file, encodeOcspRequest(person, issuing, own));
  t.strictSame(readOcspRequest(readFileSync(file)).nonce, own);
  t.match((await said('ocsptool', '--request-info', '--load-request', file)).text, own.toString('hex'));
  t.notOk('nonce' in readOcspRequest(encodeOcspRequest(person, issuing)));
});

t.test('S79: a malformed request, or one that asks for what we do not know, is refused', async (t) => {
  const { issuing, person } = pki;
  const [{ der: certId } = { der: Buffer.alloc(0) }] = readOcspRequest(encodeOcspRequest(person, issuing)).certIds;
  const single = sequence(certId);
  const whole = (...fields: Buffer[]) => sequence(sequence(...fields));
  const withNonce = (value: Buffer) => whole(sequence(single), der(0xa2, sequence(extension(nonceOid, false, value))));
  for (const length of [1, 127, 128]) {
    t.equal(
      readOcspRequest(withNonce(octetString(Buffer.alloc(length, 1)))).nonce?.length,
      length,
      `nonce of ${length}`,
    );
  }
  t.equal(readOcspRequest(whole(sequence(...Array(32).fill(single)))).certIds.length, 32);
  t.equal(readOcspRequest(whole(der(0xa0, integer(0)), sequence(single))).certIds.length, 1, 'version written out');
  t.equal(
    readOcspRequest(sequence(sequence(sequence(single)), der(0xa0, sequence()))).certIds.length,
    1,
    'a signed one',
  );

  const serial = (hex: string) => {
    const name = sequence(
      sequence(derOid('1.3.14.3.2.26'), derNull),
      octetString(),
      octetString(),
      der(2, Buffer.from(hex, 'hex')),
    );
    return readOcspRequest(whole(sequence(sequence(name)))).certIds[0]?.serialNumber;
  };
  t.strictSame([serial('00ff01'), serial('ff01'), serial('00'), serial('7f')], ['FF01', '-FF01', '00', '7F']);

  const critical = sequence(extension('1.2.3', true, Buffer.of(5, 0)));
  const cases: [string, Buffer][] = [
    ['no question', whole(sequence())],
    ['33 questions', whole(sequence(...Array(33).fill(single)))],
    ['a nonce of 0 octets', withNonce(octetString())],
    ['a nonce of 129 octets', withNonce(octetString(Buffer.alloc(129)))],
    ['a nonce that is no OCTET STRING', withNonce(Buffer.alloc(16, 1))],
    ['a nonce with something behind', withNonce(Buffer.concat([octetString(Buffer.alloc(16)), Buffer.of(0)]))],
    [
      'two nonces',
      whole(
        sequence(single),
        der(0xa2, sequence(...Array(2).fill(extension(nonceOid, false, octetString(Buffer.alloc(16)))))),
      ),
    ],
    ['a critical extension', whole(sequence(single), der(0xa2, critical))],
    ['a critical extension of one question', whole(sequence(sequence(certId, der(0xa0, critical))))],
    ['version 2', whole(der(0xa0, integer(1)), sequence(single))],
    [
      'a serial number of 65 octets',
      whole(
        sequence(
          sequence(
            sequence(sequence(derOid('1.3.14.3.2.26')), octetString(), octetString(), der(2, Buffer.alloc(65, 1))),
          ),
        ),
      ),
    ],
    ['more than 16 kB', whole(sequence(single), der(0xa2, sequence(extension('1.2.3', false, Buffer.alloc(16_384)))))],
  ];
  for (const [what, request] of cases) t.throws(() => readOcspRequest(request), refused('document'), what);
});

t.test('an error is an OCSPResponse without an answer, as openssl reads it', async (t) => {
  const file = join(t.testdir(), 'response.der');
  const says = {
    malformedRequest: /malformedrequest \(1\)/,
    internalError: /internalerror \(2\)/,
    tryLater: /trylater \(3\)/,
    unauthorized: /unauthorized \(6\)/,
  };
  for (const [error, text] of Object.entries(says)) {
    const response = ocspError(error as keyof typeof says);
    t.equal(response.length, 5);
    writeFileSync(file, response);
    t.match((await said('openssl', 'ocsp', '-respin', file)).text, text);
    t.strictSame(readOcspResponse(response), { error });
  }
  for (const code of [4, 5, 7]) t.throws(() => readOcspResponse(Buffer.of(0x30, 3, 10, 1, code)), refused('document'));
});

t.test('the bytes of an answer: byKey, good as [0], unknown as [2], reason only where there is one', async (t) => {
  const request = encodeOcspRequest(pki.person, pki.issuing);
  const bytes = async (status: OcspStatus) => (await answer(pki, request, status)).toString('hex');
  const keyHash = createHash('sha1')
    .update(keyBits(certificateFields(pki.responder).spki))
    .digest('hex');
  const good = await bytes({ status: 'good' });
  t.match(good, `a2160414${keyHash}180f`);
  const { certIds } = readOcspRequest(request);
  const id = `${certIds[0]?.der.toString('hex')}`;
  t.match(good, `${id}8000180f`);
  t.match(await bytes({ status: 'unknown' }), `${id}8200180f`);
  const revokedAt = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  const moment = Buffer.from('20260102030405Z').toString('hex');
  t.match(await bytes({ status: 'revoked', revokedAt, reason: 'certificateHold' }), `${id}a116180f${moment}a0030a0106`);
  t.match(await bytes({ status: 'revoked', revokedAt, reason: 'unspecified' }), `${id}a111180f${moment}180f`);
  t.notOk(good.includes(derOid(nonceOid).toString('hex')), 'no nonce where none was asked');
});

t.test('an answer counts only from the issuer or from whom it made its responder', async (t) => {
  const { issuing, issuingKey, person, now } = pki;
  const request = encodeOcspRequest(person, issuing, Buffer.alloc(16, 9));
  const at = new Date(now);
  const judged = async (
    signer?: { key: TestPki['personKey']; certificate: Buffer },
    change: Partial<OcspResponse> = {},
    when = at,
  ) => {
    const response = readOcspResponse(await answer(pki, request, { status: 'good' }, signer));
    if ('error' in response) throw new Error(response.error);
    return isAuthorisedOcsp({ ...response, ...change }, issuing, when);
  };
  const response = readOcspResponse(
    await answer(pki, request, { status: 'revoked', revokedAt: new Date(1e12), reason: 'superseded' }),
  );
  t.match(response, {
    nonce: Buffer.alloc(16, 9),
    producedAt: new Date(Math.floor(now / 1000) * 1000),
    replies: [
      {
        status: 'revoked',
        revokedAt: new Date(1e12),
        reason: 'superseded',
        certId: { serialNumber: readCertificate(person).serialNumber },
      },
    ],
  });
  t.ok(await judged(), 'the delegate');
  t.ok(await judged({ key: issuingKey, certificate: issuing }), 'the issuer');
  t.notOk(await judged({ key: pki.personKey, certificate: person }), 'a subscriber');
  t.notOk(await judged({ key: pki.tsaKey, certificate: pki.tsa }), 'a TSA');
  t.notOk(await judged({ key: rsa.responderKey, certificate: rsa.responder }), "another authority's responder");
  t.notOk(await judged({ key: pki.personKey, certificate: pki.responder }), 'the responder’s certificate, another key');
  t.notOk(await judged(undefined, { certificates: [] }), 'a delegate whose certificate is not there');
  t.notOk(
    await judged(undefined, {}, new Date(now + 3 * 366 * 86_400_000)),
    'a delegate whose certificate has expired',
  );
  t.notOk(await judged(undefined, { tbs: Buffer.from('3000', 'hex') }), 'other bytes');
  const key = testKey('EC-P256');
  const certificate = await pki.issue(profiles.individual, teacher, key);
  const named = { responder: { name: certificateFields(certificate).subject } };
  t.notOk(await judged({ key, certificate }, named), 'a name is no authority');
});

t.test("openssl's own responder is read, too: it names itself by its name", async (t) => {
  const { issuing, person, now } = pki;
  const directory = t.testdir();
  const at = (name: string) => join(directory, name);
  const authority = { request: at('request.der'), response: at('response.der') };
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', at('key.pem'));
  openssl('pkey', '-in', at('key.pem'), '-pubout', '-outform', 'DER', '-out', at('spki.der'));
  const certificate = await pki.issue(profiles.ocspResponder, authoritySubject('Openssl'), {
    ...testKey('EC-P256'),
    spki: readFileSync(at('spki.der')),
  });
  const files = pemFiles(directory, { issuing, certificate });
  const { serialNumber } = readCertificate(person);
  writeFileSync(at('index.txt'), `R\t401231235959Z\t261101000000Z,keyCompromise\t${serialNumber}\tunknown\t/CN=x\n`);
  writeFileSync(authority.request, encodeOcspRequest(person, issuing, Buffer.alloc(20, 3)));
  openssl(
    ...['ocsp', '-index', at('index.txt'), '-CA', `${files.issuing}`, '-rsigner', `${files.certificate}`],
    ...['-rkey', at('key.pem'), '-reqin', authority.request, '-respout', authority.response, '-ndays', '1'],
  );
  const response = readOcspResponse(readFileSync(authority.response));
  if ('error' in response) throw new Error(response.error);
  t.match(response.responder, { name: certificateFields(certificate).subject });
  t.match(response.replies, [{ status: 'revoked', reason: 'keyCompromise', revokedAt: new Date('2026-11-01') }]);
  t.strictSame(response.nonce, Buffer.alloc(20, 3));
  t.ok(isAuthorisedOcsp(response, issuing, new Date(now)));
});
