/**
 * What OCSP costs: `npm run bench:ocsp -- [--rounds N] [--seconds N] [--json FILE]`. Kept answers against a bare Fastify
 * route that returns the same bytes, answers with a nonce and timestamps against bare signing. See README.md beside this.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cscClient } from '../src/client/index.ts';
import { encodeOcspRequest } from '../src/pki/ocsp-client.ts';
import { encodeTimestampRequest, messageImprint } from '../src/pki/tsp.ts';
import { startBare } from './bare.ts';
import { enrolHolders } from './holders.ts';
import { type Answer, binaryMessage, message, open } from './http.ts';
import { progress } from './report.ts';
import { initServer, startServer } from './server.ts';
import { median } from './statistics.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '2' },
    json: { type: 'string' },
  },
});
const [rounds, milliseconds] = [Number(values.rounds), 1000 * Number(values.seconds)];
const clients = 32;

/** Requests per second, from sources of which none has had its share: each of 127/8 is this machine. */
async function load(port: number, request: Buffer, good: (answer: Answer) => boolean): Promise<number> {
  const source = () => `127.${[...randomBytes(3)].map((byte) => 1 + (byte % 253)).join('.')}`;
  let count = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      let connection = await open(port, source());
      for (let sent = 1; performance.now() - start < milliseconds; sent += 1) {
        if (sent % 500 === 0) {
          connection.close();
          connection = await open(port, source());
        }
        if (!good(await connection.send(request))) throw new Error('an answer was not the one that was wanted');
        count += 1;
      }
      connection.close();
    }),
  );
  return (1000 * count) / (performance.now() - start);
}

const directory = mkdtempSync(join(tmpdir(), 'kyso-bench-'));
chmodSync(directory, 0o755);
progress('a new server, and a certificate');
const config = await initServer(join(directory, 'server'), { engine: 'sqlite' });
const server = await startServer(config);
const bare = await startBare(join(directory, 'server'), config.pkcs11.module, config.pkcs11.workers);
let fastify: ChildProcess | undefined;
try {
  const [holder] = await enrolHolders(server, ['EC-P256'], 1);
  const csc = cscClient({ baseUrl: `${server.baseUrl}/csc/v1` });
  const { cert } = await csc.credentialsInfo(holder!.token, holder!.credentialID);
  const [certificate, issuer] = cert.certificates ?? [];
  const plain = encodeOcspRequest(certificate!, issuer!);
  const get = message(`/pki/ocsp/${encodeURIComponent(plain.toString('base64'))}`, undefined);
  const withNonce = binaryMessage(
    '/pki/ocsp',
    'application/ocsp-request',
    encodeOcspRequest(certificate!, issuer!, randomBytes(32)),
  );
  const imprint = messageImprint('SHA-256', randomBytes(32));
  const stamp = binaryMessage(
    '/tsa',
    'application/timestamp-query',
    encodeTimestampRequest({ messageImprint: imprint, nonce: Buffer.from('5a', 'hex'), certReq: true }),
  );

  const first = await (await open(server.port)).send(get);
  fastify = fork(join(import.meta.dirname, 'bare-fastify.ts'), { execArgv: [] });
  fastify.send(first.body.toString('base64'));
  const [barePort] = (await once(fastify, 'message')) as [number];
  const same = ({ status, body }: Answer) => status === 200 && body.equals(first.body);
  const signed = ({ status, body }: Answer) => status === 200 && body.length > 300;
  const token = async () => (await bare.run({ kind: 'sign+verify', keyType: 'EC-P256', milliseconds })).perSecond;

  const rates: Record<string, number[]> = {};
  const note = (name: string, rate: number) => {
    rates[name] = [...(rates[name] ?? []), rate];
    return rate;
  };
  for (let round = -1; round < rounds; round += 1) {
    progress(`round ${round + 1} of ${rounds}`);
    const fastifyRate = await load(barePort, get, same);
    const kept = await load(server.port, get, same);
    const signing = await token();
    const nonce = await load(server.port, withNonce, signed);
    const stamps = await load(server.port, stamp, signed);
    // The first round only warms up.
    if (round < 0) continue;
    note('bare Fastify, a second', fastifyRate);
    note('OCSP without nonce, a second', kept);
    note('  ratio to bare Fastify (bar: 0.5)', kept / fastifyRate);
    note('bare P-256 sign + verify, a second', signing);
    note('OCSP with nonce, a second', nonce);
    note('  ratio to bare signing', nonce / signing);
    note('timestamps, a second', stamps);
    note('  ratio to bare signing ', stamps / signing);
  }
  console.log(`\n${`medians of ${rounds} rounds`.padEnd(40)}`);
  for (const [name, all] of Object.entries(rates)) {
    const value = median(all);
    console.log(`${name.padEnd(40)}${(value < 100 ? value.toFixed(2) : Math.round(value)).toString().padStart(10)}`);
  }
  if (values.json) writeFileSync(values.json, `${JSON.stringify(rates, null, 2)}\n`);
} finally {
  fastify?.disconnect();
  bare.stop();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}
