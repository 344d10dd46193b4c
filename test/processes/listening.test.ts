import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type ConfigFile, checkConfig } from '../../src/config.ts';
import { listening } from '../../src/processes/listening.ts';
import { openssl } from '../helpers/authority.ts';
import { opensslCa } from '../helpers/openssl-ca.ts';
import { refused } from '../helpers/refused.ts';

const directory = t.testdir();
const ca = opensslCa(directory);
const names = 'DNS:sign.example.vn, DNS:*.ky.example.vn, IP:10.0.0.9, IP:::1';
const good = ca.server('good', { names });
const day = 86_400_000;

const settings: ConfigFile = {
  mode: 'service',
  name: 'Kyso',
  http: { host: '10.0.0.9', port: 8443, trustedProxies: [] },
  pkcs11: { module: '/m.so', workers: 1 },
  store: { engine: 'sqlite' },
  instance: 'signer-1',
};
type Http = Partial<ConfigFile['http']>;

function start(http: Http, key: string | undefined = http.tls && good.key, now = Date.now()) {
  const config = checkConfig({ ...settings, http: { ...settings.http, ...http } }, directory);
  const secrets = key === undefined ? {} : { 'tls-key': new Uint8Array(readFileSync(key)) };
  return listening({ config, tier: 'production', links: {}, secrets }, now);
}
const tls = (certificate = good.certificate) => ({ tls: { certificate, key: 'secrets/tls.key' } });

t.test('TLS makes the public address https', async (t) => {
  t.equal(start(tls()).publicUrl, 'https://10.0.0.9:8443');
  t.equal(start({ ...tls(), host: '::1' }).publicUrl, 'https://[::1]:8443');
  t.equal(
    start({ ...tls('good.chain.pem') }).tls?.certificate,
    readFileSync(good.certificate, 'utf8'),
    'a relative path',
  );
  t.same(start(tls()).tls?.key, readFileSync(good.key));
  const named = (publicUrl: string) => start({ ...tls(), host: '0.0.0.0', publicUrl }).publicUrl;
  t.equal(named('https://sign.example.vn'), 'https://sign.example.vn');
  t.equal(named('https://a.ky.example.vn:8443/kyso'), 'https://a.ky.example.vn:8443/kyso');
});

t.test('plain HTTP only on loopback or behind a named proxy', async (t) => {
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost']) {
    t.match(start({ host }).publicUrl, /^http:\/\//, host);
  }
  for (const host of ['10.0.0.9', '0.0.0.0', '::', 'sign.example.vn', '128.0.0.1']) {
    t.throws(
      () => start({ host, publicUrl: 'https://a.example' }),
      { ...refused('configuration'), message: /http\.tls/ },
      host,
    );
  }
  const proxied = { host: '10.0.0.9', trustedProxies: ['10.0.0.1'] };
  t.equal(start({ ...proxied, publicUrl: 'https://a.example' }).publicUrl, 'https://a.example');
  t.throws(() => start({ ...proxied, host: '0.0.0.0' }), { message: /http\.publicUrl is missing/ });
});

t.test('an unusable certificate or key stops the start with its name and what to do', async (t) => {
  const other = ca.server('other', { names });
  const rsa = ca.server('rsa', { names, key: 'RSA' });
  const weak = ca.server('weak', { names, key: 'RSA-1024' });
  const short = ca.server('short', { names, days: '1' });
  const elsewhere = ca.server('elsewhere', { names: 'DNS:other.example.vn' });
  const common = ca.server('common.example.vn', { names: 'IP:10.0.0.9' });
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const read = (path: string) => readFileSync(path, 'utf8');
  const reversed = file('reversed.pem', read(join(directory, 'issuing.pem')) + read(join(directory, 'good.pem')));
  const mixed = file('mixed.pem', read(join(directory, 'good.pem')) + read(join(directory, 'other.pem')));
  const broken = file('broken.pem', read(good.certificate).replace(/\n(.{40})/, '\nAAAA$1'));
  const locked = join(directory, 'locked.key');
  openssl('pkey', '-in', good.key, '-aes256', '-passout', 'pass:x', '-out', locked);
  const now = Date.now();

  const table: [what: string, http: Http, key: string | undefined, message: RegExp, now?: number][] = [
    ['no such file', tls('absent.pem'), good.key, /absent\.pem cannot be read: http\.tls\.certificate/],
    ['a directory', tls('.'), good.key, /cannot be read/],
    ['no certificate in it', tls(good.key), good.key, /good\.key holds no PEM certificate/],
    ['an empty file', tls(file('empty.pem', '')), good.key, /empty\.pem holds no PEM certificate/],
    ['a damaged one', tls(broken), good.key, /broken\.pem holds a certificate that cannot be read/],
    ['DER', tls(file('der.cer', Buffer.from([0x30, 0x82]))), good.key, /der\.cer holds no PEM certificate/],
    ['the chain upside down', tls(reversed), good.key, /reversed\.pem: certificate 2 did not issue the one before/],
    ['a stranger in the chain', tls(mixed), good.key, /mixed\.pem: certificate 2 did not issue/],
    [
      'expired',
      tls(short.certificate),
      short.key,
      /short\.chain\.pem ended on 2\d{3}-.*put a renewed one/,
      now + 2 * day,
    ],
    ['not yet valid', tls(), good.key, /good\.chain\.pem begins on .*check the clock/, now - day],
    [
      'for another name',
      tls(elsewhere.certificate),
      elsewhere.key,
      /is for DNS:other\.example\.vn, not for 10\.0\.0\.9/,
    ],
    ['the key of another', tls(), other.key, /secrets\/tls\.key.* is not the private key of .*good\.chain\.pem/],
    ['a key of another kind', tls(), rsa.key, /is not the private key of/],
    ['a key with a passphrase', tls(), locked, /holds no PEM private key without a passphrase/],
    ['no key', tls(), file('no.key', 'x'), /secrets\/tls\.key.* holds no PEM private key/],
    ['a key that did not come', tls(), undefined, /the secret tls-key is missing/],
    ['too weak', tls(weak.certificate), weak.key, /too weak for TLS 1\.2/],
    ['a public address without TLS', { ...tls(), publicUrl: 'http://10.0.0.9:8443' }, good.key, /make it https/],
    [
      'a public address of another name',
      { ...tls(), publicUrl: 'https://b.example' },
      good.key,
      /correct http\.publicUrl/,
    ],
    [
      'a name that only the subject has',
      { ...tls(common.certificate), publicUrl: 'https://common.example.vn' },
      common.key,
      /is for IP Address:10\.0\.0\.9, not for common/,
    ],
    ['a wildcard one level too deep', { ...tls(), publicUrl: 'https://a.b.ky.example.vn' }, good.key, /not for a\.b\./],
  ];
  for (const [what, http, key, message, at = now] of table) {
    const config = checkConfig({ ...settings, http: { ...settings.http, ...http } }, directory);
    const secrets = key === undefined ? {} : { 'tls-key': new Uint8Array(readFileSync(key)) };
    const boot = { config, tier: 'production' as const, links: {}, secrets };
    t.throws(() => listening(boot, at), { ...refused('configuration'), message }, what);
  }
  t.ok(start(tls(short.certificate), short.key, now + day / 2).tls, 'until its last day it is fine');
});

t.test('a process that cannot listen safely ends with 78, which no supervisor tries again', async (t) => {
  const installation = join(directory, 'installation');
  const credentials = join(directory, 'credentials');
  for (const path of [installation, credentials]) mkdirSync(path);
  cpSync(good.certificate, join(installation, 'tls.pem'));
  cpSync(ca.server('stranger', { names }).key, join(credentials, 'tls-key'));
  chmodSync(directory, 0o755);
  const http = { ...settings.http, tls: { certificate: 'tls.pem', key: 'unused' } };
  writeFileSync(join(installation, 'kyso.json'), JSON.stringify({ ...settings, http }));
  const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
  const environment = { PATH: process.env.PATH, CREDENTIALS_DIRECTORY: credentials };
  const child = spawn(process.execPath, [main, 'api', '--dir', installation], { env: environment });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, 'exit');
  t.equal(code, 78);
  t.match(said, /configuration: the key of http\.tls .* is not the private key of .*tls\.pem/);
});
