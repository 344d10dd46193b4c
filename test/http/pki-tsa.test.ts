import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { caToken } from '../helpers/certification-authority.ts';
import { type PkiService, pkiService } from '../helpers/pki-service.ts';
import { refused } from '../helpers/refused.ts';
import { startApi } from './helpers.ts';

const run = promisify(execFile);
const token = await caToken(t);
const service = await pkiService(t, token);
const { directory, pem, url } = service;
const file = (name: string) => join(directory, name);
const data = file('data');
writeFileSync(data, 'đơn thuốc');

async function said(...args: string[]): Promise<string> {
  const done = await run('openssl', args).catch((error) => error as { stdout: string; stderr: string });
  return `${done.stdout}${done.stderr}`;
}

/** A TimeStampReq of openssl's for `data`. */
async function query(...more: string[]): Promise<Buffer> {
  await run('openssl', ['ts', '-query', '-data', data, ...more, '-out', file('query')]);
  return readFileSync(file('query'));
}

function ask(body: Buffer, at: PkiService = service) {
  const headers = { 'content-type': 'application/timestamp-query' };
  return fetch(`${at.url}/tsa`, { method: 'POST', body: new Uint8Array(body), headers });
}

/** The reply to a query, written down; what openssl reads in it. */
async function reply(body: Buffer): Promise<string> {
  const answer = await ask(body);
  t.equal(answer.status, 200);
  t.match(answer.headers.get('content-type'), 'application/timestamp-reply');
  t.equal(answer.headers.get('cache-control'), 'no-store');
  writeFileSync(file('reply'), Buffer.from(await answer.arrayBuffer()));
  return said('ts', '-reply', '-in', file('reply'), '-text');
}

t.test('S80: openssl verifies each kind of timestamp', async (t) => {
  const serials = new Set<string>();
  for (const hash of ['-sha256', '-sha384', '-sha512']) {
    for (const more of [['-cert'], [], ['-cert', '-no_nonce'], ['-cert', '-tspolicy', '2.999.3161.1']]) {
      const shown = await reply(await query(hash, ...more));
      t.match(shown, /Status: Granted\./);
      t.match(shown, /Policy OID: 2\.999\.3161\.1/);
      t.match(shown, /Accuracy: 0x01 seconds/);
      t.match(shown, /Ordering: no/);
      serials.add(/Serial number: (0x[0-9A-F]+)/.exec(shown)?.[1] ?? '');
      const stamped = Date.parse(/Time stamp: (.*)/.exec(shown)?.[1] ?? '');
      t.ok(Math.abs(Date.now() - stamped) < 5_000, 'now');
      // Without the certificates in it, who verifies has to have them.
      const untrusted = more.includes('-cert') ? [] : ['-untrusted', pem['tsa-1']!];
      const verify = ['ts', '-verify', '-in', file('reply'), '-CAfile', pem['root-1']!, '-x509_strict', ...untrusted];
      t.match(await said(...verify, '-queryfile', file('query')), 'Verification: OK', `${hash} ${more}: the query`);
      t.match(await said(...verify, '-data', data), 'Verification: OK', 'and the data');
      if (!more.includes('-cert')) {
        t.notMatch(await said(...verify.slice(0, -2), '-data', data), 'Verification: OK', 'no certificates inside');
      }
    }
  }
  t.equal(serials.size, 12, 'each serial number once');
  t.same(service.told, [1], 'the operator hears of their number, once an hour');
  for (const serial of serials) t.ok(serial.length > 2 + 16, `${serial} has over 64 bits`);
});

t.test('S80: the token is DER: no default is written out, ESSCertIDv2 and sorted attributes', async (t) => {
  await reply(await query('-sha256', '-cert'));
  const bytes = readFileSync(file('reply'));
  t.ok(bytes.includes(Buffer.from('060b2a864886f70d010910022f', 'hex')), 'signing-certificate-v2');
  const certificate = createHash('sha256').update(service.authority.pki.timestamper().certificate).digest();
  t.ok(bytes.includes(certificate), 'of the certificate that signs');
  await said('ts', '-reply', '-in', file('reply'), '-token_out', '-out', file('token'));
  const cms = ['cms', '-verify', '-inform', 'DER', '-in', file('token'), '-CAfile', pem['root-1']!];
  t.match(await said(...cms, '-purpose', 'timestampsign', '-out', file('tst')), 'Verification successful');
  t.notMatch(await said('asn1parse', '-inform', 'DER', '-in', file('tst')), 'BOOLEAN', 'no `ordering`, which is FALSE');
});

t.test('S80: what cannot be stamped is refused with its reason', async (t) => {
  const good = await query('-sha256', '-no_nonce');
  const imprint = createHash('sha256').update(readFileSync(data)).digest();
  const at = good.indexOf(imprint);
  const shorter = Buffer.concat([
    good.subarray(0, at - 1),
    Buffer.of(31),
    good.subarray(at, at + 31),
    good.subarray(at + 32),
  ]);
  // One byte less in the imprint, its sequence and the whole.
  shorter[1]! -= 1;
  shorter[6]! -= 1;
  const version = Buffer.from(good);
  version[4] = 2;
  const extension = Buffer.from('a010300e06032a0304040730050603550403', 'hex');
  const extended = Buffer.concat([good, extension]);
  extended[1]! += extension.length;
  const cases: [Buffer, RegExp][] = [
    [await query('-sha1'), /unrecognized or unsupported algorithm identifier/],
    [await query('-md5'), /unrecognized or unsupported algorithm identifier/],
    [shorter, /the data submitted has the wrong format/],
    [await query('-tspolicy', '1.2.3'), /the requested TSA policy is not supported by the TSA/],
    [extended, /the requested extension is not supported by the TSA/],
    [version, /the data submitted has the wrong format/],
    [Buffer.alloc(0), /the data submitted has the wrong format/],
    [Buffer.from('not DER'), /the data submitted has the wrong format/],
    [Buffer.concat([good, Buffer.of(0)]), /the data submitted has the wrong format/],
    [good.subarray(0, -1), /the data submitted has the wrong format/],
  ];
  for (const [request, reason] of cases) {
    const shown = await reply(request);
    t.match(shown, /Status: Rejected\./);
    t.match(shown, reason);
    t.match(shown, /TST info:\nNot included\./);
  }
  const large = await ask(randomBytes(16_385));
  t.equal(large.status, 413);
  const typeless = await fetch(`${url}/tsa`, { method: 'POST', body: new Uint8Array(good) });
  t.equal(typeless.status, 415);
});

t.test('S80: no timestamps by a clock that nobody keeps, and again when somebody does', async (t) => {
  const { kernel, handlers } = service;
  kernel.synchronised = false;
  const request = await query('-sha256');
  t.match(await reply(request), /the TSA's time source is not available/);
  const asked = { hashAlgo: '2.16.840.1.101.3.4.2.1', hash: randomBytes(32).toString('base64') };
  await t.rejects(handlers['timestamp.token'](asked, 'api'), refused('clockUntrusted'));
  const { csc, ca } = await startApi(t);
  ca.script['timestamp.token'] = (params) => handlers['timestamp.token'](params, 'api');
  const answer = await csc('signatures/timestamp', asked);
  t.same([answer.statusCode, answer.json().error], [503, 'temporarily_unavailable']);
  kernel.synchronised = true;
  t.match(await reply(request), /Status: Granted\./);
});

t.test('a fault of ours is systemFailure, and the operator hears of it', async (t) => {
  const { authority, reports, link } = service;
  const { timestamper } = authority.pki;
  authority.pki.timestamper = () => {
    throw new Error('no timestamper');
  };
  t.teardown(() => {
    authority.pki.timestamper = timestamper;
  });
  for (let n = 0; n < 3; n += 1)
    t.match(await reply(await query()), /the request cannot be handled due to system failure/);
  t.match(reports, [{ message: 'no timestamper' }]);
  t.equal(reports.length, 1, 'once');
  link.up = false;
  t.equal((await ask(await query())).status, 503, 'ca is away');
  link.up = true;
});

t.test('CSC signatures/timestamp: a token that openssl verifies, with the nonce', async (t) => {
  const { csc, ca } = await startApi(t);
  ca.script['timestamp.token'] = (params) => service.handlers['timestamp.token'](params, 'api');
  const algorithms = {
    sha256: '2.16.840.1.101.3.4.2.1',
    sha384: '2.16.840.1.101.3.4.2.2',
    sha512: '2.16.840.1.101.3.4.2.3',
  };
  const nonces = {
    '654654131635468464': '0x0654654131635468464',
    '00ff': '0xFF',
    F: '0x0F',
    ['f'.repeat(64)]: `0x${'F'.repeat(64)}`,
  };
  for (const [name, hashAlgo] of Object.entries(algorithms)) {
    const hash = createHash(name).update(readFileSync(data)).digest();
    for (const [nonce, wanted] of [[undefined, 'unspecified'], ...Object.entries(nonces)] as const) {
      const answer = await csc('signatures/timestamp', { hash: hash.toString('base64url'), hashAlgo, nonce });
      t.equal(answer.statusCode, 200);
      writeFileSync(file('csc'), Buffer.from(answer.json().timestamp, 'base64'));
      const verify = ['ts', '-verify', '-token_in', '-in', file('csc'), '-CAfile', pem['root-1']!, '-data', data];
      t.match(await said(...verify), 'Verification: OK');
      const shown = await said('ts', '-reply', '-token_in', '-in', file('csc'), '-token_out', '-text');
      t.match(shown.replace(/Nonce: 0x0*/, 'Nonce: 0x'), `Nonce: ${wanted.replace(/0x0*/, '0x')}`);
    }
  }
});
