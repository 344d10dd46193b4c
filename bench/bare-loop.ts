/**
 * Entry of a process that does with a token what cannot be done without, and nothing else: the measure of the server.
 * First message: its token; from then on {kind, keyType, milliseconds} → {count, cpu (µs), elapsed (ms)}.
 */
import { randomBytes } from 'node:crypto';
import pkcs11, { type Handle } from 'pkcs11js';
import { type KeyTypeName, keyTypes } from '../src/crypto/algorithms.ts';
import { digests } from '../src/crypto/digests.ts';
import { ecdsaToDer } from '../src/crypto/ecdsa.ts';
import { createVerifier } from '../src/crypto/verify.ts';
import { generateKeyPair, readPublicKey } from '../src/hsm/key-pair.ts';
import { closeSession, connect, openSession } from '../src/hsm/module.ts';
import { findKey } from '../src/hsm/objects.ts';
import { generateWrapped } from '../src/hsm/subscriber-keys.ts';
import { privateKeyTemplate } from '../src/hsm/templates.ts';

export type BareKind = 'sign' | 'sign+verify' | 'unwrap+sign+destroy';
export type BareTask = { kind: BareKind; keyType: KeyTypeName; milliseconds: number };
export type BareResult = { count: number; cpu: number; elapsed: number };

process.once('disconnect', () => process.exit());
process.once('message', async (token: { module: string; label: string; pin: Buffer; kek: string }) => {
  const session = openSession(await connect(token));
  const kek = findKey(session, 'secret', token.kek);
  const loops = new Map<string, () => void>();
  process.on('message', ({ kind, keyType, milliseconds }: BareTask) => {
    const name = `${kind} ${keyType}`;
    const loop = loops.get(name) ?? prepare(kind, keyType);
    loops.set(name, loop);
    process.send?.(run(loop, milliseconds));
  });
  process.on('exit', () => closeSession(session));
  process.send?.('ready');

  function prepare(kind: BareKind, keyType: KeyTypeName): () => void {
    const { module, handle } = session;
    const { family, signatureBytes } = keyTypes[keyType];
    const digest = randomBytes(32);
    const rsa = family === 'RSA';
    const input = rsa ? Buffer.concat([digests['SHA-256'].digestInfo, digest]) : digest;
    const mechanism = { mechanism: rsa ? pkcs11.CKM_RSA_PKCS : pkcs11.CKM_ECDSA };
    const sign = (key: Handle) => {
      module.C_SignInit(handle, mechanism, key);
      return module.C_Sign(handle, input, Buffer.alloc(signatureBytes));
    };
    if (kind === 'unwrap+sign+destroy') {
      const { wrapped, mechanism: wrapping } = generateWrapped(session, kek, 'CKM_AES_KEY_WRAP_PAD', keyType);
      if (wrapping !== 'CKM_AES_KEY_WRAP_PAD') throw new Error('the bare loop knows SoftHSM only');
      const template = privateKeyTemplate(keyType, 'session', false);
      return () => {
        const key = module.C_UnwrapKey(handle, { mechanism: 0x210a }, kek, wrapped, template);
        sign(key);
        module.C_DestroyObject(handle, key);
      };
    }
    const { publicKey, privateKey } = generateKeyPair(session, keyType, 'session', false);
    if (kind === 'sign') return () => void sign(privateKey);
    const verify = createVerifier(keyType, spkiOf(publicKey));
    return () => {
      const signature = sign(privateKey);
      if (!verify('SHA-256', digest, rsa ? signature : ecdsaToDer(signature))) throw new Error('a bad signature');
    };
  }

  function spkiOf(key: Handle): Buffer {
    return readPublicKey(session, key).spki;
  }
});

function run(loop: () => void, milliseconds: number): BareResult {
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < milliseconds) {
    for (let n = 0; n < 20; n += 1) loop();
    count += 20;
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { count, cpu: user + system, elapsed: performance.now() - start };
}
