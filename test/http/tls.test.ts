import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import t from 'tap';
import { opensslCa } from '../helpers/openssl-ca.ts';
import { startApi } from './helpers.ts';
import { bareServer, portOf } from './raw.ts';

const ca = opensslCa(t.testdir());
const names = 'DNS:sign.example.vn, IP:127.0.0.1';
const files = { ec: ca.server('ec', { names }), rsa: ca.server('rsa', { names, key: 'RSA' }) };
const tlsOf = ({ certificate, key }: { certificate: string; key: string }) => ({
  certificate: readFileSync(certificate, 'utf8'),
  key: readFileSync(key),
});

/** The agreed protocol and cipher, or why there was no agreement. */
function shake(port: number, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connectTls({
      port,
      host: '127.0.0.1',
      servername: 'sign.example.vn',
      ca: ca.root,
      ...options,
    });
    socket.once('secureConnect', () => {
      resolve([socket.getProtocol(), socket.getCipher().standardName, socket.alpnProtocol || 'none'].join(' '));
      socket.destroy();
    });
    socket.once('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message));
  });
}

/** What `openssl s_client` says; it speaks what Node no longer does. */
function sClient(port: number, ...options: string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...options], (_error, out, err) =>
      resolve(out + err),
    );
    child.stdin?.end();
  });
}

for (const kind of ['ec', 'rsa'] as const) {
  t.test(`TLS 1.2 and 1.3 with an ${kind} key, and nothing older or weaker`, async (t) => {
    const { port } = await bareServer(t, {}, { tls: tlsOf(files[kind]) });
    const auth = kind === 'ec' ? 'ECDSA' : 'RSA';
    t.equal(await shake(port), 'TLSv1.3 TLS_AES_256_GCM_SHA384 none');
    t.equal(
      await shake(port, { maxVersion: 'TLSv1.2' }),
      `TLSv1.2 TLS_ECDHE_${auth}_WITH_AES_256_GCM_SHA384 none`,
      'our order of ciphers',
    );
    const chacha = `ECDHE-${auth}-CHACHA20-POLY1305`;
    t.match(await shake(port, { maxVersion: 'TLSv1.2', ciphers: chacha }), 'TLSv1.2 ');
    t.match(await shake(port, { ALPNProtocols: ['h2', 'http/1.1'] }), /http\/1\.1$/);
    t.match(await shake(port, { ALPNProtocols: ['h2'] }), /NO_APPLICATION_PROTOCOL/, 'no HTTP/2');

    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    t.match(await shake(port, old), /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|ALERT/, 'TLS 1.1 is refused');
    for (const version of ['-tls1', '-tls1_1']) {
      const said = await sClient(port, version, '-cipher', 'DEFAULT@SECLEVEL=0');
      t.match(said, /alert protocol version/, `${version}, as openssl sees it`);
    }
    t.match(await sClient(port, '-tls1_2'), /Protocol *: TLSv1\.2/, 'the same tool does speak 1.2 with us');
    const weak = [
      'AES256-GCM-SHA384',
      `ECDHE-${auth}-AES256-SHA384`,
      `ECDHE-${auth}-AES128-SHA`,
      'DHE-RSA-AES256-GCM-SHA384',
    ];
    for (const ciphers of weak) {
      const got = await shake(port, { maxVersion: 'TLSv1.2', ciphers });
      t.match(got, /HANDSHAKE_FAILURE|NO_CIPHERS/, `${ciphers}: no forward secrecy, or no AEAD`);
    }
    t.equal(
      await shake(port, { ca: [] }),
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'a client that knows nothing of the CA',
    );
    t.equal(await shake(port, { servername: 'other.example' }), 'ERR_TLS_CERT_ALTNAME_INVALID');
  });
}

t.test('over TLS the API is the same, and promises to stay there', async (t) => {
  const { app } = await startApi(t, { config: { tls: tlsOf(files.ec) } });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const ask = (path: string, method = 'GET', body = '') =>
    new Promise<{ status: number | undefined; headers: object; text: string }>((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const sent = request(
        { ...{ port: portOf(app), host: '127.0.0.1', ca: ca.root, path, method }, ...(body ? { headers } : {}) },
        (answer) => {
          let text = '';
          answer.on('data', (chunk) => {
            text += chunk;
          });
          answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  for (const answer of [await ask('/health/live'), await ask('/csc/v1/info', 'POST', '{}'), await ask('/elsewhere')]) {
    t.match(answer.headers, { 'strict-transport-security': 'max-age=31536000' }, String(answer.status));
  }
  t.equal((await ask('/csc/v1/info', 'POST', '{}')).status, 200);

  const plain = connect(portOf(app), '127.0.0.1');
  let answer = '';
  plain.on('data', (chunk) => {
    answer += chunk;
  });
  plain.write('POST /csc/v1/auth/login HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eDp4\r\n\r\n');
  await new Promise((resolve) => plain.once('close', resolve));
  t.equal(answer, '', 'plain HTTP gets nothing on this port');
});

t.test('S27: who does not finish the handshake is cut off, and others are served', async (t) => {
  const { port, app } = await bareServer(t, { headers: 200, interval: 50 }, { tls: tlsOf(files.ec) });
  const silent = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'));
  const half = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'));
  for (const socket of half) socket.write(Buffer.from('16030102000100', 'hex'));
  const closed = [...silent, ...half].map((socket) => {
    socket.on('error', () => {});
    return new Promise((resolve) => socket.once('close', resolve));
  });
  t.match(await shake(port), 'TLSv1.3');
  await Promise.all(closed);
  t.match(await shake(port), 'TLSv1.3');

  const handshaking = connect(port, '127.0.0.1');
  handshaking.on('error', () => {});
  const idle = connectTls({ port, host: '127.0.0.1', ca: ca.root });
  idle.on('error', () => {});
  await new Promise((resolve) => idle.once('secureConnect', resolve));
  await app.close();
  t.pass('and neither kind holds up a stop');
});
