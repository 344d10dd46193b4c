import { execFileSync } from 'node:child_process';
import { createHash, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { kindOf } from '../../src/base/errors.ts';
import type { KeyTypeName } from '../../src/crypto/algorithms.ts';
import { assembleCertificate, encodeTbs } from '../../src/pki/certificate.ts';
import { assembleSignedData, prepareSignedAttributes } from '../../src/pki/cms.ts';
import { isDetachedBy, readDetachedSignature } from '../../src/pki/cms-detached.ts';
import { certificatePem } from '../../src/pki/pem.ts';
import { profiles } from '../../src/pki/profiles.ts';
import { draftOf, teacher, testKeyPair } from '../helpers/authority.ts';
import { randomFrom } from '../helpers/random.ts';
import { refused } from '../helpers/refused.ts';
import { shortDirectory } from '../helpers/temp.ts';

const content = Buffer.from('{"lines":["00"],"organisation":"x","type":"kyso.lines"}');

/** A self-signed certificate and its key, as PEM files for openssl, too. */
async function signer(t: Test, type: KeyTypeName = 'EC-P256') {
  const { privateKey, publicKey } = testKeyPair(type);
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const tbs = await encodeTbs(draftOf(profiles.individual, teacher, spki, Date.now()));
  const certificate = assembleCertificate(tbs, sign('sha256', tbs, privateKey));
  const directory = shortDirectory(t);
  const files = {
    key: join(directory, 'key'),
    certificate: join(directory, 'certificate'),
    data: join(directory, 'data'),
  };
  writeFileSync(files.key, privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(files.certificate, certificatePem(certificate));
  writeFileSync(files.data, content);
  const own = ['-signer', files.certificate, '-inkey', files.key];
  const cms = (...args: string[]) =>
    execFileSync('openssl', ['cms', '-sign', '-binary', '-outform', 'DER', '-in', files.data, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const openssl = (...args: string[]) => cms('-cades', ...own, ...args);
  const ours = (documentDigest = createHash('sha256').update(content).digest()) => {
    const signedAttributes = prepareSignedAttributes({ documentDigest, digest: 'SHA-256', certificate });
    const signature = sign('sha256', signedAttributes, privateKey);
    return assembleSignedData({ signedAttributes, scheme: { digest: 'SHA-256' }, signature, chain: [certificate] });
  };
  return { certificate, own, cms, openssl, ours };
}

for (const type of ['EC-P256', 'EC-P384', 'RSA-2048'] as const) {
  t.test(
    `${type}: our own signatures and openssl's are taken, over these bytes alone and by this certificate`,
    async (t) => {
      const { certificate, openssl, ours } = await signer(t, type);
      const other = await signer(t, type);
      const signatures = {
        ours: ours(),
        openssl: openssl('-md', 'sha256'),
        'openssl, SHA-512': openssl('-md', 'sha512'),
        'openssl, key identifier, no certificate': openssl('-md', 'sha256', '-keyid', '-nocerts'),
        ...(type === 'RSA-2048' && { 'openssl, PSS': openssl('-md', 'sha256', '-keyopt', 'rsa_padding_mode:pss') }),
      };
      for (const [name, der] of Object.entries(signatures)) {
        const signed = readDetachedSignature(der);
        t.ok(isDetachedBy(signed, certificate, content), name);
        t.notOk(isDetachedBy(signed, certificate, Buffer.concat([content, Buffer.of(0x20)])), `${name}: other bytes`);
        t.notOk(isDetachedBy(signed, other.certificate, content), `${name}: another certificate`);
        const bent = { ...signed, signature: Buffer.from(signed.signature) };
        bent.signature.writeUInt8(bent.signature.readUInt8(bent.signature.length - 1) ^ 1, bent.signature.length - 1);
        t.notOk(isDetachedBy(bent, certificate, content), `${name}: another signature`);
      }
    },
  );
}

t.test('what is no CAdES-B-B signature is refused', async (t) => {
  const { certificate, own, cms, openssl, ours } = await signer(t);
  const cases: Record<string, Buffer> = {
    nothing: Buffer.alloc(0),
    'the content within': openssl('-md', 'sha256', '-nodetach'),
    'no attributes': cms(...own, '-md', 'sha256', '-noattr'),
    'no word of the certificate': cms(...own, '-md', 'sha256'),
    'a weak digest': openssl('-md', 'sha1'),
    'bytes behind': Buffer.concat([ours(), Buffer.of(0)]),
    'cut off': ours().subarray(0, -1),
    'two signers': openssl('-md', 'sha256', ...(await signer(t)).own),
    'a certificate': certificate,
  };
  for (const [name, der] of Object.entries(cases))
    t.throws(() => readDetachedSignature(der), refused('document'), name);
});

t.test('S38: whatever a byte is changed to, there is an answer or a refusal with a name', async (t) => {
  const { certificate, openssl } = await signer(t);
  const der = openssl('-md', 'sha256');
  const random = randomFrom(7);
  const unexpected: unknown[] = [];
  for (let place = 0; place < der.length; place += 1) {
    const bent = Buffer.from(der);
    bent.writeUInt8(random.bytes(1).readUInt8(), place);
    try {
      isDetachedBy(readDetachedSignature(bent), certificate, content);
    } catch (error) {
      if (kindOf(error) !== 'document') unexpected.push(error);
    }
  }
  t.strictSame(unexpected, []);
});
