import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ocspResponder } from '../../src/ca/ocsp.ts';
import { hold, release, revoke } from '../../src/ca/revoke.ts';
import type { CrlReason } from '../../src/pki/crl-reasons.ts';
import { certificatePem } from '../../src/pki/pem.ts';
import type { IssuedCertificate } from '../../src/store/ca/tables.ts';
import { testAuthority } from '../helpers/authority.ts';
import { caToken } from '../helpers/certification-authority.ts';
import { fakeClock } from '../helpers/fake-clock.ts';
import { issued } from '../helpers/issued.ts';
import { pkiService } from '../helpers/pki-service.ts';
import {
  bytesOf,
  fileOf,
  issuerFile,
  nonceValue,
  opensslOcsp,
  opensslTime,
  post,
  requestFor,
  run,
  said,
  show,
  statusOf,
  withNonce,
} from './ocsp-tools.ts';

const token = await caToken(t);

t.test('S79: openssl, ocsptool and curl get answers about good, held, revoked and unknown certificates', async (t) => {
  const service = await pkiService(t, token);
  const { authority, url, pem } = service;
  for (const keyType of ['RSA-2048', 'EC-P256'] as const) {
    const revokedAt = Date.now() - 60_000;
    const state = (revocation: string, reason: string) => ({ revocation, reason, revokedAt });
    const good = await issued(authority, keyType);
    const held = await issued(authority, keyType, state('hold', 'deviceLost'));
    const revoked = await issued(authority, keyType, state('revoked', 'keyCompromise'));
    const intended = await issued(authority, keyType, { status: 'intended' });
    const cases: [IssuedCertificate, RegExp, CrlReason?][] = [
      [good, /\.pem: good\n/],
      [held, /\.pem: revoked\n/, 'certificateHold'],
      [revoked, /\.pem: revoked\n/, 'keyCompromise'],
      [intended, /\.pem: unknown\n/],
    ];
    for (const [certificate, status, reason] of cases) {
      for (const way of [[], ['-no_nonce'], ['-sha256']]) {
        const answer = await opensslOcsp(service, certificate, ...way);
        t.match(answer, /Response verify OK/, `${keyType} ${way}`);
        t.match(answer, status);
        t.notMatch(answer, /WARNING/, 'the nonce is there when it was asked for');
        if (reason) t.match(answer, `Reason: ${reason}`);
      }
    }
    const issuer = issuerFile(service, good);
    const certificates = ['--load-issuer', issuer, '--load-cert', fileOf(service, good), '--load-trust', issuer];
    const tool = await said('ocsptool', `--ask=${url}/pki/ocsp`, '--nonce', ...certificates);
    t.match(tool, /Response Status: Successful/, 'gnutls');
    t.match(tool, /Certificate Status: good/);
    t.match(tool, /Verifying OCSP Response: Success/);
  }
  const tsa = { ...(await issued(authority)), authority: 'issuing-rsa-1' };
  tsa.certificate = authority.pki.timestamper().certificate;
  t.match(await opensslOcsp(service, tsa), /\.pem: good\n/, 'the certificate of the TSA, too');
  t.ok(pem['tsa-1']);

  const several = [await issued(authority), await issued(authority)].flatMap((each) => [
    '-cert',
    fileOf(service, each),
  ]);
  const answer = await opensslOcsp(service, await issued(authority), ...['-issuer', pem['issuing-ec-1']!], ...several);
  t.equal(answer.match(/\.pem: good\n/g)?.length, 3, 'several certificates in one request');
});

t.test('S79: GET as browsers and RFC 5019 want it', async (t) => {
  const service = await pkiService(t, token);
  const { authority, url, directory } = service;
  const certificate = await issued(authority);
  const request = await requestFor(service, certificate);
  const get = (path: string, headers = {}) => fetch(`${url}/pki/ocsp/${path}`, { headers });
  const text = request.toString('base64');
  const first = await get(encodeURIComponent(text));
  t.equal(first.status, 200);
  const headers = Object.fromEntries(first.headers);
  t.match(headers, {
    'content-type': 'application/ocsp-response',
    'cache-control': 'max-age=60, public, no-transform, must-revalidate',
    etag: /^"[0-9a-f]{40}"$/,
    'cross-origin-resource-policy': 'cross-origin',
  });
  const bytes = Buffer.from(await first.arrayBuffer());
  const lifetime = Date.parse(headers.expires!) - Date.parse(headers['last-modified']!);
  t.equal(lifetime, 3_600_000, 'Expires is its nextUpdate');
  const shown = await show(directory, bytes);
  t.match(shown, `This Update: ${opensslTime(headers['last-modified']!)}`);
  t.match(shown, `Next Update: ${opensslTime(headers.expires!)}`);
  t.match(shown, /Responder Id: [0-9A-F]{40}\n/, 'by key');
  t.notMatch(shown, /OCSP Nonce/);

  t.same(Buffer.from(await (await get(text.replaceAll('+', '%2B'))).arrayBuffer()), bytes, 'slashes as they are');
  t.equal((await get(encodeURIComponent(text), { 'if-none-match': headers.etag! })).status, 304);
  t.equal((await get(encodeURIComponent(text), { 'if-none-match': '"x"' })).status, 200);
  const head = await fetch(`${url}/pki/ocsp/${encodeURIComponent(text)}`, { method: 'HEAD' });
  t.equal(Number(head.headers.get('content-length')), bytes.length);

  const fresh = await get(encodeURIComponent((await requestFor(service, certificate, '-nonce')).toString('base64')));
  t.equal(fresh.headers.get('cache-control'), 'no-store', 'an answer for one');
  t.match(await show(directory, Buffer.from(await fresh.arrayBuffer())), /OCSP Nonce/);
  const posted = await post(service, request);
  t.equal(posted.headers.get('cache-control'), 'no-store');
  t.same(Buffer.from(await posted.arrayBuffer()), bytes, 'the answer that is kept');

  for (const path of ['', 'AAA', '%41%41', 'MA', '!!!!', encodeURIComponent(`${text}\n`), 'A'.repeat(8000)]) {
    const answer = await get(path);
    t.same([answer.status, await statusOf(answer)], [200, 'malformedrequest'], path.slice(0, 20));
    t.equal(answer.headers.get('cache-control'), 'no-store');
  }
});

t.test('S79: a nonce of 1 to 128 octets comes back (RFC 9654), and no other', async (t) => {
  const service = await pkiService(t, token);
  const certificate = await issued(service.authority);
  const plain = await requestFor(service, certificate);
  for (const length of [1, 16, 32, 127, 128]) {
    const nonce = randomBytes(length);
    const answer = await post(service, withNonce(plain, nonce));
    const response = Buffer.from(await answer.arrayBuffer());
    t.ok(
      response.includes(Buffer.concat([Buffer.from('06092b0601050507300102', 'hex'), nonceValue(nonce)])),
      `${length}`,
    );
  }
  for (const length of [0, 129, 1000]) {
    const answer = await post(service, withNonce(plain, Buffer.alloc(length, 1)));
    t.equal(await statusOf(answer), 'malformedrequest', `${length}`);
  }
});

t.test('S79: what is not ours is refused, and counted for the operator', async (t) => {
  const service = await pkiService(t, token);
  const { pem, directory } = service;
  const out = join(directory, 'stranger.req');
  const stranger = join(directory, 'stranger.pem');
  writeFileSync(stranger, certificatePem((await testAuthority('EC-P256')).issuing));
  await run('openssl', ['ocsp', '-issuer', stranger, '-serial', '77', '-no_nonce', '-reqout', out]);
  const asked = readFileSync(out);
  for (let n = 0; n < 3; n += 1) t.equal(await statusOf(await post(service, asked)), 'unauthorized');
  t.match(service.reports, [{ kind: 'issuerUnknown', message: /^OCSP: 1 requests/ }], 'not a line for each');
  // The root's own certificates have a CRL only.
  const root = ['-issuer', pem['root-1']!, '-cert', pem['issuing-ec-1']!];
  await run('openssl', ['ocsp', ...root, '-no_nonce', '-reqout', out]);
  t.equal(await statusOf(await post(service, readFileSync(out))), 'unauthorized');

  const ours = await issued(service.authority);
  const mixed = ['-issuer', pem['issuing-ec-1']!, '-cert', fileOf(service, ours)];
  const rsa = await issued(service.authority, 'RSA-2048');
  const second = ['-issuer', pem['issuing-rsa-1']!, '-cert', fileOf(service, rsa)];
  await run('openssl', ['ocsp', ...mixed, ...second, '-no_nonce', '-reqout', out]);
  t.equal(await statusOf(await post(service, readFileSync(out))), 'unauthorized', 'no responder speaks for both');
});

t.test('S79: OCSP says revoked within a second, and good again after a release', async (t) => {
  const service = await pkiService(t, token);
  const { authority, link } = service;
  const certificate = await issued(authority);
  const request = await requestFor(service, certificate);
  const state = async () =>
    (await show(service.directory, await bytesOf(await post(service, request)))).match(/Cert Status: (\w+)/)?.[1];
  t.equal(await state(), 'good');
  t.equal(await state(), 'good');
  const by = { level: 'operator', name: 'test' } as const;
  const { serialNumber } = certificate;
  const acts = [
    ['revoked', 'a hold', () => hold(authority, { serialNumber, by, reason: 'deviceLost' })],
    ['good', 'its release', () => release(authority, { serialNumber, by })],
    ['revoked', 'a revocation', () => revoke(authority, { serialNumber, by, reason: 'keyCompromise' })],
  ] as const;
  for (const [wanted, what, act] of acts) {
    await act();
    const since = performance.now();
    while ((await state()) !== wanted) if (performance.now() - since > 5_000) break;
    const took = performance.now() - since;
    t.ok(took < 1_000, `${what}: ${Math.round(took)} ms`);
  }
  link.up = false;
  t.equal(await state(), 'revoked', 'ca is away: what is kept counts on');
  const unknown = await requestFor(service, await issued(authority));
  t.equal(await statusOf(await post(service, unknown)), 'trylater');
});

t.test('an answer that is kept, of a clock that was ahead, is made anew when the clock is right', async (t) => {
  const service = await pkiService(t, token);
  const clock = fakeClock(Date.now());
  const responder = ocspResponder({ ...service.authority, clock }, () => {});
  const request = await requestFor(service, await issued(service.authority));
  const thisUpdate = async () => (await responder.answer(request)).kept?.thisUpdate;
  clock.step(600_000);
  const ahead = clock.now();
  t.equal(await thisUpdate(), ahead);
  t.equal(await thisUpdate(), ahead, 'the same');
  clock.step(-600_000);
  t.equal(await thisUpdate(), clock.now());
});
