import { generateKeyPairSync, sign } from 'node:crypto';
import t from 'tap';
import { isPrivate, outsideFetch } from '../../src/ca/external/fetch.ts';
import { atOnce, listsOf } from '../../src/ca/external/lists.ts';
import { askOutside } from '../../src/ca/external/word.ts';
import { certificateAddresses } from '../../src/pki/addresses.ts';
import { assembleRequest, requestInfo } from '../../src/pki/csr.ts';
import { encodeName } from '../../src/pki/names.ts';
import { readCertificate } from '../../src/pki/read.ts';
import { outsideCa } from '../helpers/outside-ca.ts';

const fetch = outsideFetch({ privateAddresses: true });

t.test('S92: a long list is read once for all who name it, and other work goes on meanwhile', async (t) => {
  const ca = await outsideCa(t);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = encodeName({ country: 'VN', commonName: 'Ánh', organisation: 'X', organisationalUnits: [] });
  const info = requestInfo(name, publicKey.export({ format: 'der', type: 'spki' }));
  const request = assembleRequest(info, sign('sha256', info, privateKey));
  const certificates = Array.from({ length: 5 }, () => ca.issue(request, { crlOnly: true }));
  ca.revokeOthers(5 * atOnce);
  ca.say(certificates[4]!, 'keyCompromise');
  const url = certificateAddresses(certificates[0]!).crls[0]!;
  const crl = await fetch(url, { most: 20_000_000 });
  const lists = listsOf(async () => crl, new Set(certificates.map((der) => readCertificate(der).serialNumber)));
  const sources = { fetch, lists };
  let [turns, over] = [0, false];
  const turn = () => {
    turns += 1;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  const words = await Promise.all(certificates.map((der) => askOutside(sources, der, ca.issuing, Date.now())));
  over = true;
  t.same(
    words.map(({ state }) => state),
    ['none', 'none', 'none', 'none', 'revoked'],
  );
  t.ok(turns >= 5, 'a turn for every part of the list');
  t.ok(turns <= 10, `the list was read once: ${turns} turns`);
});

t.test('what stands in a certificate does not lead behind our walls', async (t) => {
  const guarded = outsideFetch({ privateAddresses: false });
  for (const url of [
    'http://127.0.0.1:1/',
    'http://[::1]:1/',
    'http://localhost:1/',
    'http://10.1.2.3/',
    'http://169.254.169.254/',
  ])
    await t.rejects(guarded(url, { most: 10 }), { message: /private address/ }, url);
  for (const url of ['https://example.org/', 'file:///etc/passwd', 'http://a@example.org/'])
    await t.rejects(guarded(url, { most: 10 }), { message: /plain HTTP/ }, url);
  for (const address of ['::ffff:10.0.0.1', 'fd00::1', 'fe80::1', '0.0.0.0', '192.168.1.1', '224.0.0.1'])
    t.ok(isPrivate(address), address);
  for (const address of ['203.162.0.1', '2405:4800::1']) t.notOk(isPrivate(address), address);
});
