import { createHash, createPublicKey, sign } from 'node:crypto';
import * as asn1js from 'asn1js';
import { ContentInfo, SignedData } from 'pkijs';
import t from 'tap';
import { type DigestName, digestNames, digests, type KeyTypeName, keyTypes } from '../../src/crypto/algorithms.ts';
import { assembleSignedData, prepareSignedAttributes, signerKey } from '../../src/pki/cms.ts';
import { createTestPki, newkeys, type TestSigner } from '../client/certificates.ts';
import { opensslVerifies } from '../client/judges.ts';
import { refused } from '../helpers/refused.ts';

const pki = createTestPki(t);
const signers = {
  'RSA-2048': pki.signer(newkeys['RSA-2048']),
  'RSA-3072': pki.signer(newkeys['RSA-3072']),
  'RSA-4096': pki.signer(newkeys['RSA-4096']),
  'EC-P256': pki.signer(newkeys['EC-P256']),
  'EC-P384': pki.signer(newkeys['EC-P384']),
  'EC-P521': pki.signer(newkeys['EC-P521']),
} satisfies Record<KeyTypeName, TestSigner>;

const content = Buffer.from('Giấy xác nhận');
const keyTypeNames = Object.keys(keyTypes) as KeyTypeName[];
const hex = (bytes: Uint8Array | ArrayBuffer) => Buffer.from(bytes as Uint8Array).toString('hex');

function attributesFor(keyType: KeyTypeName, digest: DigestName): Buffer {
  const documentDigest = createHash(digest).update(content).digest();
  return prepareSignedAttributes({ documentDigest, digest, certificate: signers[keyType].chain[0] });
}

function signedData(keyType: KeyTypeName, digest: DigestName): Buffer {
  const { key, chain } = signers[keyType];
  const signedAttributes = attributesFor(keyType, digest);
  return assembleSignedData({
    signedAttributes,
    scheme: { digest },
    signature: sign(digest, signedAttributes, key),
    chain,
  });
}

function parse(der: Buffer): SignedData {
  return new SignedData({ schema: ContentInfo.fromBER(der).content });
}

for (const keyType of keyTypeNames) {
  for (const digest of digestNames) {
    t.test(`${keyType} with ${digest}: openssl cms -cades accepts the CMS, and not over other content`, async (t) => {
      const cms = signedData(keyType, digest);
      const verdict = opensslVerifies(pki, cms, content);
      t.ok(verdict.accepted, verdict.said);
      t.notOk(opensslVerifies(pki, cms, Buffer.concat([content, Buffer.from('!')])).accepted);
    });
  }
}

t.test('openssl refuses a CMS whose signing-certificate-v2 names another certificate', async (t) => {
  const { key, chain } = signers['RSA-2048'];
  const documentDigest = createHash('SHA-256').update(content).digest();
  const certificate = signers['EC-P256'].chain[0];
  const signedAttributes = prepareSignedAttributes({ documentDigest, digest: 'SHA-256', certificate });
  const signature = sign('SHA-256', signedAttributes, key);
  t.notOk(
    opensslVerifies(
      pki,
      assembleSignedData({ signedAttributes, scheme: { digest: 'SHA-256' }, signature, chain }),
      content,
    ).accepted,
  );
});

t.test(
  'the signed attributes are a SET OF in ascending order of their DER: type, digest, signing certificate',
  async (t) => {
    for (const digest of digestNames) {
      const der = attributesFor('RSA-2048', digest);
      const set = asn1js.fromBER(der).result as asn1js.Set;
      const encodings = set.valueBlock.value.map((attribute) => Buffer.from(attribute.toBER()));
      t.equal(der[0], 0x31);
      t.strictSame(encodings, encodings.toSorted(Buffer.compare));
      const types = set.valueBlock.value.map((attribute) =>
        (attribute as asn1js.Sequence).valueBlock.value[0]!.valueBlock.toString(),
      );
      t.strictSame(types.toSorted(), ['1.2.840.113549.1.9.16.2.47', '1.2.840.113549.1.9.3', '1.2.840.113549.1.9.4']);
    }
  },
);

t.test(
  'signing-certificate-v2 leaves the default SHA-256 out and holds the hash of the certificate alone',
  async (t) => {
    const certificate = signers['RSA-2048'].chain[0];
    const hash = createHash('sha256').update(certificate).digest('hex');
    // SET OF { SigningCertificateV2 SEQUENCE { SEQUENCE OF { ESSCertIDv2 SEQUENCE { OCTET STRING } } } }
    t.match(hex(attributesFor('RSA-2048', 'SHA-384')), `31283026302430220420${hash}`);
  },
);

t.test('the bytes that get signed are the attributes in the CMS under the tag SET OF (RFC 5652 §5.4)', async (t) => {
  const attributes = attributesFor('EC-P256', 'SHA-256');
  t.match(hex(signedData('EC-P256', 'SHA-256')), `a0${hex(attributes).slice(2)}`);
});

t.test('RSA signature algorithms carry NULL parameters, ECDSA ones none, digest algorithms none', async (t) => {
  const rsaOids = ['1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13'];
  const ecdsaOids = ['1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4'];
  for (const keyType of keyTypeNames) {
    for (const [index, digest] of digestNames.entries()) {
      const rsa = keyTypes[keyType].family === 'RSA';
      const [signer] = parse(signedData(keyType, digest)).signerInfos;
      t.equal(signer!.signatureAlgorithm.algorithmId, (rsa ? rsaOids : ecdsaOids)[index]);
      t.equal(signer!.signatureAlgorithm.algorithmParams instanceof asn1js.Null, rsa);
      t.equal(signer!.digestAlgorithm.algorithmId, digests[digest].oid);
      t.equal('algorithmParams' in signer!.digestAlgorithm, false);
    }
  }
});

t.test('the CMS is detached DER with the whole chain, and the same input gives the same bytes', async (t) => {
  const signedAttributes = attributesFor('RSA-2048', 'SHA-256');
  const { chain, key } = signers['RSA-2048'];
  const input = {
    signedAttributes,
    scheme: { digest: 'SHA-256' },
    signature: sign('SHA-256', signedAttributes, key),
    chain,
  } as const;
  const cms = assembleSignedData(input);
  const parsed = parse(cms);
  t.equal(parsed.encapContentInfo.eContent, undefined);
  t.strictSame(parsed.certificates?.map((c) => hex(c.toSchema().toBER())).toSorted(), chain.map(hex).toSorted());
  t.strictSame(assembleSignedData({ ...input, chain: [...chain] }), cms);
});

t.test('signerKey tells the key and its type', async (t) => {
  for (const keyType of keyTypeNames) {
    const { chain, key } = signers[keyType];
    const found = signerKey(chain[0]);
    t.equal(found.keyType, keyType);
    t.strictSame(found.spki, createPublicKey(key).export({ format: 'der', type: 'spki' }));
  }
});

t.test('what cannot be signed with is refused', async (t) => {
  const { chain, key } = signers['RSA-2048'];
  const [certificate, issuing] = chain;
  const signedAttributes = attributesFor('RSA-2048', 'SHA-256');
  const signature = sign('SHA-256', signedAttributes, key);
  const assemble = (chain: [Buffer, Buffer]) =>
    assembleSignedData({ signedAttributes, scheme: { digest: 'SHA-256' }, signature, chain });
  t.throws(() => signerKey(Buffer.from('not DER')), refused('document'));
  t.throws(() => signerKey(pki.signer('ed25519').chain[0]), { ...refused('document'), message: /ed25519/ });
  t.throws(() => assemble([certificate, Buffer.concat([issuing, Buffer.of(0)])]), refused('document'), 'trailing byte');
  t.throws(
    () => prepareSignedAttributes({ documentDigest: Buffer.alloc(20), digest: 'SHA-256', certificate }),
    refused('digestLength'),
  );
});
