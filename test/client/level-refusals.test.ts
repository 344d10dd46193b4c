import { createPrivateKey, sign as signWith, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  type Question,
  retrieve,
  type SignPdfOptions,
  signPdf,
  signPdfs,
  type TimestampRequest,
} from '../../src/client/index.ts';
import { signAlgosOf } from '../../src/crypto/algorithms.ts';
import { type OcspResponse, readOcspResponse } from '../../src/pki/ocsp-client.ts';
import {
  encodeTimestampRequest,
  messageImprint,
  readTimestampRequest,
  timestampResponse,
  timestampTst,
} from '../../src/pki/tsp.ts';
import { assembleTimestampToken, readTimestampResponse, timestampAttributes } from '../../src/pki/tsp-token.ts';
import { refused } from '../helpers/refused.ts';
import { newkeys, type TestSigner } from './certificates.ts';
import type { CscAnswer, CscCall } from './csc-service.ts';
import { sample } from './documents.ts';
import { signingService } from './signing-service.ts';
import { complaintsFromStore } from './store-judges.ts';
import { type Planted, validationServices } from './validation-services.ts';

const services = await validationServices(t);
const { pki, plant } = services;
const credentialOf = (signer: TestSigner) => ({ ...signer, algo: signAlgosOf('EC-P256'), len: 256 });
const ec = credentialOf(services.signer(newkeys['EC-P256']));

/** A signing service, and the options for signing at B-LT as Ms Lan. */
async function asLan(t: Test, credential = ec, override?: (call: CscCall) => CscAnswer) {
  const { client, calls } = await signingService(t, pki, { c1: credential }, override);
  const factors = { userID: 'cô.lan', password: 'mật khẩu', askPIN: () => '12345678', askOTP: () => '123456' };
  const options: SignPdfOptions = { client, ...factors, timestamp: { url: services.tsa } };
  const asked = () => calls.map(({ method }) => method);
  return { options, asked, sign: (more?: Partial<SignPdfOptions>) => signPdf(sample, { ...options, ...more }) };
}

/** What is planted at a path for as long as `work` runs. */
async function planted(path: string, answer: Planted, work: () => Promise<unknown>): Promise<void> {
  plant[path] = answer;
  await work();
  plant[path] = undefined;
}

const serialOf = ({ chain }: TestSigner) => Buffer.from(new X509Certificate(chain[0]).serialNumber, 'hex');

/** The same bytes with one part, which occurs once, replaced. */
function replaced(bytes: Buffer, part: Buffer, by: Buffer): Buffer {
  const at = bytes.indexOf(part);
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + part.length)]);
}

const flipped = (bytes: Buffer) =>
  Buffer.from(bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte)));

/** A CRL by openssl, DER, of the root or of the issuing authority. */
function crlOf(issuer: 'root' | 'issuing'): Buffer {
  const ca = `-config openssl.cnf -name root_ca -keyfile ${issuer}.key -cert ${issuer}.pem`;
  pki.openssl(`ca -gencrl ${ca} -crldays 30 -out other.crl`);
  return pki.openssl('crl -in other.crl -outform DER');
}

/** An OCSP answer that somebody with a certificate of the issuing authority signed. */
function answerOf(name: string, question: Buffer): Buffer {
  writeFileSync(join(pki.directory, 'q.der'), question);
  const who = `-rsigner ${name}.pem -rkey ${name}.key`;
  pki.openssl(`ocsp -index index.txt -CA issuing.pem ${who} -nmin 5 -reqin q.der -respout a.der`);
  return readFileSync(join(pki.directory, 'a.der'));
}

const noStatus = (message: RegExp) => ({ name: 'KysoError', kind: 'unavailable', missing: 'status', message });
const serviceInfo = {
  ...{ specs: '1.0.4.0', name: 'x', logo: 'x', region: 'VN', lang: 'vi', description: 'x', authType: ['basic'] },
  methods: ['signatures/signHash', 'signatures/timestamp'],
};
const noTimestamp = (message: RegExp) => ({ name: 'KysoError', kind: 'unavailable', missing: 'timestamp', message });

t.test('nobody is asked for a PIN when the status of the certificate cannot be had', async (t) => {
  const { sign, asked } = await asLan(t);
  const cut = () => undefined;
  const cases: [string, string, Planted, RegExp][] = [
    [
      'the responder is away',
      '/ocsp',
      cut,
      /Nguyễn Văn Mẫu cannot be had: .*\/ocsp cannot be reached \(\w+\)\. .*'B-B' \(--level/,
    ],
    ['the responder is not well', '/ocsp', () => 503, /HTTP 503/],
    ['another service', '/ocsp', () => Buffer.from('<html>'), /not an OCSP response/],
    ['an OCSP error', '/ocsp', () => Buffer.from('30030a0103', 'hex'), /answered tryLater/],
    ['an answer without end', '/ocsp', () => Buffer.alloc(70_000), /longer than 65536 bytes/],
    ['the CRL is away', '/crl/root.crl', () => 404, /Kyso test issuing cannot be had: .*HTTP 404/],
    ['a CRL of another issuer', '/crl/root.crl', () => crlOf('issuing'), /not the one of this certificate's issuer/],
    ['a changed CRL', '/crl/root.crl', (_, right) => flipped(right()), /not the one of this certificate's issuer/],
  ];
  for (const [what, path, answer, message] of cases)
    await planted(path, answer, () => t.rejects(sign(), noStatus(message), what));
  t.notOk(asked().includes('credentials/authorize'));
});

t.test('OCSP answers that are good, but to another question or by nobody who may, are not taken', async (t) => {
  const { sign } = await asLan(t);
  const stranger = services.signer(newkeys['EC-P256']);
  let kept: Buffer | undefined;
  const earlier: Planted = (_, right) => (kept ??= right());
  await planted('/ocsp', earlier, async () => {
    await t.rejects(sign(), noStatus(/answered to another question/), 'the second question gets the first answer');
  });
  const aboutAnother: Planted = (asked, right) => {
    return right(replaced(asked, serialOf(ec), serialOf(stranger)));
  };
  await planted('/ocsp', aboutAnother, () => t.rejects(sign(), noStatus(/about another certificate/)));
  const changed: Planted = (_, right) => {
    const answer = right();
    const { signature } = readOcspResponse(answer) as OcspResponse;
    return replaced(answer, signature, flipped(signature));
  };
  pki.other('impostor', 'person');
  for (const [what, answer] of [
    ['its signature does not hold', changed],
    ['its signer is not one for OCSP', (asked: Buffer) => answerOf('impostor', asked)],
  ] as const)
    await planted('/ocsp', answer, () => t.rejects(sign(), noStatus(/signed by nobody who may/), what));
});

t.test('a certificate that is revoked, unknown to its responder, or on the CRL ends it before the PIN', async (t) => {
  const revoked = credentialOf(services.signer(newkeys['EC-P256']));
  services.revoke(revoked.chain[0]);
  const { sign, asked } = await asLan(t, revoked);
  await t.rejects(sign(), { kind: 'certificateStatus', message: /Nguyễn Văn Mẫu is revoked since 20.*keyCompromise/ });
  const unknown = await asLan(t, credentialOf(pki.signer(newkeys['EC-P256'])));
  await t.rejects(unknown.sign(), { kind: 'certificateStatus', message: /does not know the certificate/ });
  const index = join(pki.directory, 'root-index.txt');
  pki.openssl('ca -config openssl.cnf -name root_ca -keyfile root.key -cert root.pem -revoke issuing.pem');
  await planted(
    '/crl/root.crl',
    () => crlOf('root'),
    async () => {
      const message = /Kyso test issuing is revoked since/;
      await t.rejects((await asLan(t)).sign(), { kind: 'certificateStatus', message });
    },
  );
  writeFileSync(index, '');
  t.notOk([...asked(), ...unknown.asked()].includes('credentials/authorize'));
});

t.test(
  'with timestampRoots only an authority below one of them is taken, and no other address of it is asked',
  async (t) => {
    const { sign } = await asLan(t);
    const der = (name: string) => pki.openssl(`x509 -in ${name}.pem -outform DER`);
    const subject = ['-subj', '/C=VN/CN=Kyso test root'];
    pki.openssl(
      'req -config openssl.cnf -x509 -extensions ca -newkey rsa:2048 -nodes -keyout r.key -out r.pem',
      ...subject,
    );
    const elsewhere = noTimestamp(/the chain of Kyso test tsa does not end with a root that is trusted/);
    for (const [what, timestampRoots] of Object.entries({
      'another root of the same name': [der('r')],
      'the issuing authority, which is no root': [der('issuing')],
      none: [],
    })) {
      // The signer's status is asked before; what comes after the timestamp is not.
      services.asked.length = 0;
      await t.rejects(sign({ timestampRoots }), elsewhere, what);
      t.equal(services.asked.at(-1), '/tsa', what);
    }
    const signed = await sign({ timestampRoots: [der('r'), der('root')] });
    t.same(complaintsFromStore(signed), []);
    // A self-made authority, with everything that hangs together, whose certificates name our addresses.
    const own = ['-subj', '/C=VN/CN=Kyso test tsa'];
    pki.openssl('req -config openssl.cnf -nodes -newkey rsa:2048 -keyout own.key -new -out own.csr', ...own);
    pki.openssl(
      'x509 -req -in own.csr -CA r.pem -CAkey r.key -extfile openssl.cnf -extensions tsa -days 30 -out own.pem',
    );
    const selfMade: Planted = (asked) => {
      const { nonce, ...request } = readTimestampRequest(asked);
      const facts = { policy: '1.2.3', messageImprint: request.messageImprint, serialNumber: 7, genTime: new Date() };
      const tst = timestampTst({ ...facts, ...(nonce && { nonce }) });
      const attributes = timestampAttributes(tst, der('own'));
      const key = createPrivateKey(readFileSync(join(pki.directory, 'own.key')));
      const signature = signWith('SHA-256', attributes, key);
      const chain = [der('own'), der('r')] as const;
      return timestampResponse(assembleTimestampToken({ tst, attributes, signature, chain, certReq: true }));
    };
    await planted('/tsa', selfMade, async () => {
      services.asked.length = 0;
      await t.rejects(sign({ timestampRoots: [der('root')] }), elsewhere);
      t.equal(services.asked.at(-1), '/tsa');
      await t.resolves(sign({ timestampRoots: [der('r')], level: 'B-T' }), 'the token itself is sound');
    });
  },
);

t.test('without a time-stamping service: said before the PIN, and never a lower level instead', async (t) => {
  const info = { body: { ...serviceInfo, methods: ['signatures/signHash'] } };
  const { sign, asked } = await asLan(t, ec, ({ method }) => (method === 'info' ? info : undefined));
  await t.rejects(sign({ timestamp: undefined }), noTimestamp(/makes no timestamps.*--tsa URL.*--level B-B/));
  t.notOk(asked().includes('credentials/authorize'));
});

t.test('what the time-stamping service answers is verified before it is embedded', async (t) => {
  const { sign } = await asLan(t);
  const file = (name: string) => readFileSync(join(pki.directory, name));
  const tsaDer = pki.openssl('x509 -in tsa.pem -outform DER');
  /** A token by whatever key and certificate, with these members of its TSTInfo changed. */
  const forged = (asked: Buffer, changes: object, name = 'tsa', certificate = tsaDer) => {
    const { nonce, ...request } = readTimestampRequest(asked);
    const facts = { policy: '1.2.3', messageImprint: request.messageImprint, serialNumber: 7, genTime: new Date() };
    const tst = timestampTst({ ...facts, ...(nonce && { nonce }), ...changes });
    const attributes = timestampAttributes(tst, certificate);
    const signature = signWith('SHA-256', attributes, createPrivateKey(file(`${name}.key`)));
    return timestampResponse(
      assembleTimestampToken({ tst, attributes, signature, chain: [certificate], certReq: true }),
    );
  };
  await planted(
    '/tsa',
    (asked) => forged(asked, {}),
    () => t.resolves(sign(), 'the forger can make a good one'),
  );
  const year = 365 * 86_400_000;
  const impostor = pki.openssl('x509 -in impostor.pem -outform DER');
  const cases: [string, Planted, RegExp][] = [
    ['the service is away', () => undefined, /\/tsa cannot be reached/],
    ['it refuses', () => Buffer.from('30053003020102', 'hex'), /refused: status 2/],
    ['not a response', () => Buffer.from('<html>'), /not an RFC 3161 timestamp response/],
    ['an answer without end', () => Buffer.alloc(70_000), /longer than 65536 bytes/],
    [
      'another imprint',
      (asked) => forged(asked, { messageImprint: messageImprint('SHA-256', Buffer.alloc(32)) }),
      /something else/,
    ],
    ['another nonce', (asked) => forged(asked, { nonce: Buffer.from('41', 'hex') }), /nonce of the question/],
    ['no nonce', (asked) => forged(asked, { nonce: undefined }), /nonce of the question/],
    ['not for timestamps', (asked) => forged(asked, {}, 'impostor', impostor), /no certificate for timestamps only/],
    ['another key', (asked) => forged(asked, {}, 'impostor'), /no certificate for timestamps only/],
    [
      'before its certificate',
      (asked) => forged(asked, { genTime: new Date(Date.now() - year) }),
      /not in the validity/,
    ],
    [
      'after its certificate',
      (asked) => forged(asked, { genTime: new Date(Date.now() + year) }),
      /not in the validity/,
    ],
    [
      'an hour later',
      (asked) => forged(asked, { genTime: new Date(Date.now() + 3_600_000) }),
      /and the timestamp is of/,
    ],
  ];
  for (const [what, answer, message] of cases) {
    await planted('/tsa', answer, () => t.rejects(sign(), { kind: 'unavailable', message }, what));
  }
});

t.test('timestamps of the signing service itself, and of a function', async (t) => {
  const rfc3161 = async (hash: string, nonce: string) => {
    const request = encodeTimestampRequest({
      messageImprint: messageImprint('SHA-256', Buffer.from(hash, 'base64')),
      nonce: Buffer.from(nonce, 'hex'),
      certReq: true,
    });
    return readTimestampResponse(
      await retrieve(services.tsa, { body: request, type: 'application/timestamp-query', most: 1e6 }),
    );
  };
  let asked: CscCall['body'] | undefined;
  const { sign, options } = await asLan(t, ec, ({ method, body }) => {
    if (method === 'info') return { body: serviceInfo };
    if (method === 'signatures/timestamp') asked = body;
    return undefined;
  });
  const client = {
    ...options.client,
    timestamp: async (token: string, request: TimestampRequest) => {
      await options.client.timestamp(token, request).catch(() => {});
      return rfc3161(String(asked?.hash), String(asked?.nonce));
    },
  };
  t.same(complaintsFromStore(await sign({ timestamp: undefined, client })), []);
  t.match(asked, { hashAlgo: '2.16.840.1.101.3.4.2.1', nonce: /^[4-7][0-9a-f]{15}$/ });
  const pdf = await sign({
    timestamp: ({ imprint, nonce }) => rfc3161(imprint.toString('base64'), nonce.toString('hex')),
  });
  t.same(complaintsFromStore(pdf), []);
});

t.test(
  'many documents: a timestamp for each, their status asked for once, all through the function that is given',
  async (t) => {
    const { options } = await asLan(t);
    const urls: string[] = [];
    const mirror = (url: string, question: Question) => {
      urls.push(new URL(url).pathname);
      return retrieve(url, question);
    };
    const steps: string[] = [];
    const documents = Array.from({ length: 3 }, (_, n) => ({ name: `${n}.pdf`, pdf: sample }));
    const signed = await signPdfs(documents, {
      ...options,
      retrieve: mirror,
      onStep: (step, progress) => progress?.done === progress?.total && steps.push(step),
    });
    const before = ['/ocsp', '/ca/root.cer', '/crl/root.crl'].toSorted();
    t.same(urls.slice(0, 3).toSorted(), before);
    t.same(urls.slice(3), ['/tsa', '/tsa', '/tsa', '/ocsp', '/ocsp'], 'then signer and time-stamping authority');
    for (const pdf of signed) t.same(complaintsFromStore(pdf), []);
    t.same(steps.slice(-4), ['signatures/signHash', 'timestamp', 'embed', 'validation data']);
  },
);

t.test('S30: only http and https, no redirection, and a failure that may pass is tried once more', async (t) => {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    if (request.url === '/moved') return response.writeHead(302, { location: '/there' }).end();
    if (request.url === '/absent') return response.writeHead(404).end();
    return response.writeHead(requests === 1 ? 503 : 200).end('yes');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.equal(String(await retrieve(`${base}/well`, { most: 3 })), 'yes');
  t.equal(requests, 2);
  await t.rejects(retrieve(`${base}/well`, { most: 2 }), { message: /longer than 2 bytes/ });
  await t.rejects(retrieve(`${base}/absent`, { most: 3 }), { message: /HTTP 404/ });
  await t.rejects(retrieve(`${base}/moved`, { most: 3 }), refused('unavailable'));
  for (const url of ['file:///etc/passwd', 'ldap://127.0.0.1/cn=x', 'data:,x', '/tsa', ''])
    await t.rejects(retrieve(url, { most: 3 }), { kind: 'unavailable', message: /is no http address/ });
});
