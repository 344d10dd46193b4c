import t from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { certificateFields } from '../../src/pki/certificate-fields.ts';
import { readSignedData } from '../../src/pki/cms-reader.ts';
import { crlEntries, readCrl } from '../../src/pki/crl-reader.ts';
import { assembleRequest, readRequest, requestInfo } from '../../src/pki/csr.ts';
import { der } from '../../src/pki/der.ts';
import { encodeName } from '../../src/pki/names.ts';
import { assembleOcsp, certIdMatches, ocspTbs, readOcspRequest } from '../../src/pki/ocsp.ts';
import { encodeOcspRequest, isAuthorisedOcsp, readOcspResponse } from '../../src/pki/ocsp-client.ts';
import { readCertificate } from '../../src/pki/read.ts';
import { isSignedBy } from '../../src/pki/signed.ts';
import {
  encodeTimestampRequest,
  messageImprint,
  readTimestampRequest,
  requestFault,
  timestampResponse,
  timestampTst,
} from '../../src/pki/tsp.ts';
import {
  assembleTimestampToken,
  readTimestampResponse,
  readTimestampToken,
  timestampAttributes,
} from '../../src/pki/tsp-token.ts';
import { teacher } from '../helpers/authority.ts';
import { testPki } from '../helpers/pki.ts';
import { fuzzRounds, fuzzSeed, randomFrom } from '../helpers/random.ts';

const pki = await testPki('EC-P256');
const { now, issuing, person, personKey, responder, responderKey, tsa, tsaKey } = pki;
const [at, later] = [new Date(now), new Date(now + 60_000)];

const info = requestInfo(encodeName(teacher), personKey.spki);
const request = encodeOcspRequest(person, issuing, Buffer.alloc(16, 1));
const [certId] = readOcspRequest(request).certIds;
const tbs = ocspTbs({
  responderCertificate: responder,
  producedAt: at,
  answers: [
    { certId: certId!.der, status: 'revoked', revokedAt: at, reason: 'superseded', thisUpdate: at, nextUpdate: later },
  ],
  nonce: Buffer.alloc(16, 1),
});
const imprint = messageImprint('SHA-256', Buffer.alloc(32, 2));
const nonce = Buffer.alloc(8, 3);
const tst = timestampTst({
  policy: '2.25.1',
  messageImprint: imprint,
  serialNumber: 9,
  genTime: at,
  accuracyMs: 1500,
  nonce,
});
const attributes = timestampAttributes(tst, tsa);
const signature = await tsaKey.sign(attributes);
const token = assembleTimestampToken({ tst, attributes, signature, chain: [tsa, issuing], certReq: true });

/** What comes from outside, with everything that its users do with it. */
const readers: Record<string, { sample: Buffer; read(bytes: Buffer): void }> = {
  'PKCS#10 request': {
    sample: assembleRequest(info, await personKey.sign(info)),
    read: (bytes) => readRequest(bytes),
  },
  certificate: {
    sample: person,
    read: (bytes) => {
      certificateFields(bytes);
      readCertificate(bytes);
    },
  },
  'OCSP request': {
    sample: request,
    read: (bytes) => readOcspRequest(bytes).certIds.map((id) => certIdMatches(id, issuing)),
  },
  'OCSP response': {
    sample: assembleOcsp(tbs, await responderKey.sign(tbs), [responder]),
    read: (bytes) => {
      const response = readOcspResponse(bytes);
      if (!('error' in response)) isAuthorisedOcsp(response, issuing, at);
    },
  },
  'timestamp request': {
    sample: encodeTimestampRequest({ messageImprint: imprint, nonce, certReq: true }),
    read: (bytes) => requestFault(readTimestampRequest(bytes), '2.25.1'),
  },
  'timestamp token': { sample: token, read: (bytes) => readTimestampToken(bytes) },
  CRL: {
    sample: await pki.crl([
      { serialNumber: '7F01', reason: 'keyCompromise' },
      { serialNumber: '8F', reason: 'unspecified', revokedAt: new Date(Date.UTC(2051, 0)) },
    ]),
    read: (bytes) => {
      const crl = readCrl(bytes);
      isSignedBy(crl, certificateFields(issuing).spki);
      for (const _ of crlEntries(crl));
    },
  },
};

/** True: read; false: refused as a document. Anything else is thrown on. */
function isRead(read: (bytes: Buffer) => void, bytes: Buffer): boolean {
  try {
    read(bytes);
    return true;
  } catch (error) {
    if (error instanceof KysoError && error.kind === 'document') return false;
    throw new Error(`${error instanceof Error ? error.stack : error}\n\ninput: ${bytes.toString('hex')}`);
  }
}

for (const [name, { sample, read }] of Object.entries(readers)) {
  t.test(`S79, S92: ${name}: it is read, or refused as a document, whatever its bytes are`, async (t) => {
    t.ok(isRead(read, sample), 'the sample itself is read');
    const lengths = Array.from({ length: sample.length }, (_, length) => length);
    t.strictSame(
      lengths.filter((length) => isRead(read, sample.subarray(0, length))),
      [],
      'no truncation is read',
    );
    for (const more of [0x00, 0x30, 0xff])
      t.notOk(isRead(read, Buffer.concat([sample, Buffer.of(more)])), 'bytes behind it');

    // Every byte once with each of these: lengths and tags go everywhere they can.
    for (const offset of lengths) {
      for (const value of [0x00, 0x80, 0xff, (sample[offset] ?? 0) ^ 1]) {
        const changed = Buffer.from(sample);
        changed[offset] = value;
        isRead(read, changed);
      }
    }
    const random = randomFrom(fuzzSeed);
    t.comment(`seed ${fuzzSeed}`);
    for (let round = 0; round < fuzzRounds; round += 1) {
      const changed = Buffer.from(sample);
      for (let changes = 1 + random.below(4); changes > 0; changes -= 1) {
        changed[random.below(changed.length)] = random.below(256);
      }
      const [from, to] = [random.below(changed.length), random.below(changed.length)];
      const bytes = random.once(3) ? Buffer.concat([changed.subarray(0, from), changed.subarray(to)]) : changed;
      isRead(read, bytes);
    }
    t.pass('nothing but KysoError document came out');
  });

  t.test(`${name}: it cannot cost more than its bytes`, async (t) => {
    const deep = Array.from({ length: 4000 }).reduce<Buffer>((inner) => der(0x30, inner), Buffer.alloc(0));
    const bombs = {
      empty: Buffer.alloc(0),
      'depth of 4,000': deep,
      'depth by indefinite lengths': Buffer.alloc(15_000, Buffer.from('3080', 'hex')),
      'a length of 4 GB': Buffer.from('3084ffffffff3000', 'hex'),
      'a length of 8 octets': Buffer.from('3088ffffffffffffffff3000', 'hex'),
      'many small ones': der(0x30, Buffer.alloc(15_000, Buffer.from('3000', 'hex'))),
      'a megabyte of nothing': Buffer.alloc(1 << 20),
    };
    for (const [what, bytes] of Object.entries(bombs)) t.notOk(isRead(read, bytes), what);
  });
}

t.test('S79: what answers wrap around is read as strictly', async (t) => {
  const response = timestampResponse(token);
  t.strictSame(readTimestampResponse(response), token);
  for (let length = 0; length < response.length; length += 1) {
    if (isRead(readTimestampResponse, response.subarray(0, length))) t.fail(`cut to ${length} bytes`);
  }
  t.ok(isRead((bytes) => readSignedData(bytes), token));
});
