import t from 'tap';
import { checkConfig, pkiUrls } from '../../src/config.ts';
import { refused } from '../helpers/refused.ts';

const http = { host: '127.0.0.1', port: 8700, trustedProxies: [] };
const tls = { certificate: 'tls.pem', key: 'tls.key' };

t.test('where certificates say that their issuer, CRL and OCSP are', async (t) => {
  const addresses: [name: string, config: Parameters<typeof pkiUrls>[0], base: string][] = [
    ['its own address', { http }, 'http://127.0.0.1:8700/pki'],
    ['IPv6', { http: { ...http, host: '::1' } }, 'http://[::1]:8700/pki'],
    ['the public URL over HTTP', { http: { ...http, publicUrl: 'http://a.vn:81/x' } }, 'http://a.vn:81/x/pki'],
    ['behind TLS: port 80', { http: { ...http, publicUrl: 'https://a.vn:8443/x' } }, 'http://a.vn/x/pki'],
    ['TLS of its own: port 80', { http: { ...http, host: 'a.vn', tls } }, 'http://a.vn/pki'],
    [
      'a listener of its own',
      { http: { ...http, publicUrl: 'https://a.vn/x' }, pki: { listen: { host: '::', port: 8080 } } },
      'http://a.vn:8080/pki',
    ],
    [
      'a listener on port 80',
      { http: { ...http, publicUrl: 'https://a.vn' }, pki: { listen: { host: '::', port: 80 } } },
      'http://a.vn/pki',
    ],
    [
      'as it is configured',
      { http, pki: { url: 'http://pki.vn/kyso/pki', listen: { host: '::', port: 8080 } } },
      'http://pki.vn/kyso/pki',
    ],
  ];
  for (const [name, config, base] of addresses) {
    const { caIssuers, crl, ocsp } = pkiUrls(config);
    t.same(
      [caIssuers('root-1'), crl('issuing-ec-1/3'), ocsp],
      [`${base}/ca/root-1.cer`, `${base}/crl/issuing-ec-1/3.crl`, `${base}/ocsp`],
      name,
    );
  }
});

t.test('the timestamp service stands beside the rest', async (t) => {
  t.equal(pkiUrls({ http }).tsa, 'http://127.0.0.1:8700/tsa');
  t.equal(pkiUrls({ http, pki: { url: 'http://pki.vn/pki' } }).tsa, 'http://pki.vn/tsa');
});

t.test('an address that cannot stand in a certificate is refused', async (t) => {
  const good = {
    ...{ mode: 'sandbox', name: 'Kyso', http, pkcs11: { module: '/m.so', workers: 2 } },
    ...{ store: { engine: 'sqlite' }, instance: 'signer-1' },
  };
  t.ok(checkConfig({ ...good, pki: { url: 'http://pki.vn/pki', listen: { host: '::', port: 80 } } }, '/d'));
  const issued = { profile: 'individualVgca', policies: ['2.16.704.1.1.1', '1.3.6.1.4.1.99999.1'] };
  t.match(checkConfig({ ...good, pki: issued }, '/d').pki, issued);
  const wrong: [string, unknown][] = [
    ['over TLS: its check would need a check', { url: 'https://pki.vn/pki' }],
    ['a slash at its end', { url: 'http://pki.vn/pki/' }],
    ['a path that api does not serve', { url: 'http://pki.vn/kyso' }],
    ['no path', { url: 'http://pki.vn' }],
    ['a query', { url: 'http://pki.vn/pki?a' }],
    ['no host', { url: 'http:///pki' }],
    ['port 0', { listen: { host: '::', port: 0 } }],
    ['an unknown member', { more: 1 }],
    ['an authority’s profile', { profile: 'issuing' }],
    ['a policy that is no OID', { policies: ['1.2.x'] }],
    ['an OID that does not exist', { policies: ['1.40.1'] }],
    ['anyPolicy', { policies: ['2.5.29.32.0'] }],
    ['a policy twice', { policies: ['1.2.3', '1.2.3'] }],
  ];
  for (const [name, pki] of wrong)
    t.throws(() => checkConfig({ ...good, pki }, '/d'), { ...refused('configuration'), message: /\/pki/ }, name);
});
