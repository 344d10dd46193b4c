import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readElement } from '../../src/crypto/der.ts';
import { caToken } from '../helpers/certification-authority.ts';
import { issued } from '../helpers/issued.ts';
import { pkiService } from '../helpers/pki-service.ts';
import { fuzzRounds, fuzzSeed, type Random, randomFrom } from '../helpers/random.ts';

/** A well-formed message with one bit changed, or bent in one to three places. */
function bent(message: Buffer, others: readonly Buffer[], random: Random): Buffer {
  let bytes: Buffer = Buffer.from(message);
  if (random.once(2)) {
    bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    return bytes;
  }
  for (let times = 1 + random.below(3); times > 0; times -= 1) {
    const at = random.below(bytes.length + 1);
    const before = bytes.subarray(0, at);
    const behind = bytes.subarray(at);
    const other = random.pick(others);
    bytes = random.pick<() => Buffer>([
      () => Buffer.concat([before, Buffer.of(random.below(256)), behind.subarray(1)]),
      () => Buffer.concat([before, Buffer.of((behind[0] ?? 0) ^ (1 << random.below(8))), behind.subarray(1)]),
      () => before,
      () => Buffer.concat([before, behind.subarray(1 + random.below(8))]),
      () => Buffer.concat([before, random.bytes(1 + random.below(8)), behind]),
      () => Buffer.concat([before, other.subarray(random.below(other.length))]),
      // Lengths that lie, and long ones.
      () => Buffer.concat([before, Buffer.of(0x30, 0x80 + random.below(8)), random.bytes(4), behind]),
      () => Buffer.concat([before, Buffer.of(random.pick([0x7f, 0x80, 0x81, 0x82, 0x84, 0xff])), behind.subarray(1)]),
      // Deep nesting.
      () => Buffer.concat([before, Buffer.alloc(2 * random.below(2_000), Buffer.from('3080', 'hex')), behind]),
    ])();
  }
  return bytes.subarray(0, 16_384);
}

/** The status of an OCSPResponse, or the PKIStatus of a TimeStampResp and its failure bits. */
function statusIn(response: Buffer): { status: number; failure: string } {
  const start = 2 + (response[1]! < 0x80 ? 0 : response[1]! - 0x80);
  if (response[start] === 0x0a) return { status: response[start + 2]!, failure: '' };
  const info = readElement(response, start, 0x30)!;
  const status = readElement(response, info.start, 0x02)!;
  return { status: response[status.start]!, failure: response.subarray(status.end, info.end).toString('hex') };
}

t.test(
  `S79, S80, S92: bytes that are not quite OCSP or RFC 3161 get an answer of the protocol (FUZZ_SEED=${fuzzSeed})`,
  async (t) => {
    const service = await pkiService(t, await caToken(t), { trustedProxies: ['127.0.0.1'] });
    const { authority, url, directory, pem, reports } = service;
    const random = randomFrom(fuzzSeed);
    const made = (name: string, ...args: string[]) => {
      execFileSync('openssl', [...args, join(directory, name)], { stdio: 'ignore' });
      return readFileSync(join(directory, name));
    };
    const { serialNumber } = await issued(authority);
    const about = ['ocsp', '-issuer', pem['issuing-ec-1']!, '-serial', `0x${serialNumber}`];
    const imprint = (hash: string) => ['ts', '-query', '-digest', hash, '-sha256'];
    const ocsp = [
      made('1', ...about, '-no_nonce', '-reqout'),
      made('2', ...about, '-serial', '77', '-nonce', '-reqout'),
    ];
    const tsp = [
      made('3', ...imprint('0'.repeat(64)), '-cert', '-tspolicy', '2.999.3161.1', '-out'),
      made('4', ...imprint('a5'.repeat(32)), '-out'),
    ];
    const all = [...ocsp, ...tsp];
    const from = () => ({ 'x-forwarded-for': `10.${random.below(256)}.${random.below(256)}.${random.below(256)}` });
    const send = (kind: string, body: Buffer) => {
      if (kind === 'get') {
        const path = encodeURIComponent(body.subarray(0, 6_000).toString('base64'));
        return fetch(`${url}/pki/ocsp/${path}`, { headers: from() });
      }
      const [address, media] = kind === 'tsp' ? ['/tsa', 'timestamp-query'] : ['/pki/ocsp', 'ocsp-request'];
      const headers = { 'content-type': `application/${media}`, ...from() };
      return fetch(`${url}${address}`, { method: 'POST', body: new Uint8Array(body), headers });
    };

    const seen: Record<string, number> = {};
    for (let n = 0; n < fuzzRounds; n += 1) {
      const kind = ['tsp', 'post', 'get'][n % 3]!;
      const body = bent(random.pick(kind === 'tsp' ? tsp : ocsp), all, random);
      const answer = await send(kind, body);
      const response = Buffer.from(await answer.arrayBuffer());
      const wanted = `application/${kind === 'tsp' ? 'timestamp-reply' : 'ocsp-response'}`;
      const right = answer.status === 200 && answer.headers.get('content-type') === wanted;
      const { status, failure } = right ? statusIn(response) : { status: -1, failure: '' };
      const name = `${kind} ${status} ${failure}`;
      seen[name] = (seen[name] ?? 0) + 1;
      // OCSP: successful, malformedRequest, unauthorized. RFC 3161: granted, or rejected, but not for a failure of ours.
      const fits =
        kind === 'tsp' ? status === 0 || (status === 2 && failure !== '0304060000' + '40') : [0, 1, 6].includes(status);
      if (!fits) t.fail(`case ${n}: ${name} (${answer.status})`, { body: body.toString('hex').slice(0, 2_000) });
    }
    t.comment(seen);
    const kinds = Object.keys(seen);
    for (const name of ['get 0 ', 'get 1 ', 'get 6 ', 'post 0 ', 'post 1 ', 'post 6 ', 'tsp 0 '])
      t.ok(kinds.includes(name), `some were ${name}`);
    t.ok(kinds.filter((name) => name.startsWith('tsp 2')).length >= 2, 'with several reasons');
    t.equal(
      reports.filter((error) => (error as { kind: string }).kind !== 'issuerUnknown').length,
      0,
      'no failure of ours',
    );
    for (const [n, body] of all.entries()) {
      const answer = await send(n < 2 ? 'post' : 'tsp', body);
      t.equal(statusIn(Buffer.from(await answer.arrayBuffer())).status, 0, 'and it lives');
    }
  },
);
