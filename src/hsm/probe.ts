import { createHmac, randomBytes } from 'node:crypto';
import pkcs11 from 'pkcs11js';
import { equalBytes } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import type { KeyTypeName } from '../crypto/algorithms.ts';
import type { Session, Slot } from './module.ts';
import { destroyedAfter } from './objects.ts';
import { type WrapMechanism, wrapMechanisms } from './provider.ts';
import { generateWrapped } from './subscriber-keys.ts';
import { kekTemplate, selfTestHmacTemplate } from './templates.ts';

/** What the token can do, as far as we need it (S56). */
export type Capabilities = { mechanisms: number[]; wrapMechanism: WrapMechanism };

/** Key types whose mechanisms the self-test tries; the CA's RSA-3072 uses those of RSA-2048 and costs ten times more. */
const testedKeyTypes: KeyTypeName[] = ['EC-P256', 'RSA-2048'];

/**
 * Reads the mechanisms of a slot and chooses how private keys are wrapped.
 * @throws KysoError tokenUnavailable — it offers no way that we know
 */
export function probe({ module, slot }: Slot): Capabilities {
  const mechanisms = module.C_GetMechanismList(slot);
  const names = Object.keys(wrapMechanisms) as WrapMechanism[];
  const wrapMechanism = names.find((name) => mechanisms.includes(wrapMechanisms[name]));
  if (!wrapMechanism) {
    throw new KysoError('tokenUnavailable', `the token cannot wrap keys: it offers none of ${names.join(', ')}`);
  }
  return { mechanisms, wrapMechanism };
}

/**
 * Self-test at start (S54): with keys made for it, generates, wraps, unwraps, signs and verifies in software for each
 * key type, and compares an HMAC with the one that OpenSSL computes. Leaves nothing in the token.
 * @throws KysoError integrity — a result is wrong
 */
export function selfTest(session: Session, { wrapMechanism }: Capabilities): void {
  const { module, handle } = session;
  const kek = module.C_GenerateKey(handle, { mechanism: pkcs11.CKM_AES_KEY_GEN }, kekTemplate('session'));
  destroyedAfter(session, [kek], () => {
    for (const keyType of testedKeyTypes) generateWrapped(session, kek, wrapMechanism, keyType);
  });
  testHmac(session);
}

function testHmac(session: Session): void {
  const { module, handle } = session;
  const template = selfTestHmacTemplate();
  const key = module.C_GenerateKey(handle, { mechanism: pkcs11.CKM_GENERIC_SECRET_KEY_GEN }, template);
  destroyedAfter(session, [key], () => {
    const [secret] = module.C_GetAttributeValue(handle, key, [{ type: pkcs11.CKA_VALUE }]);
    const data = randomBytes(32);
    module.C_SignInit(handle, { mechanism: pkcs11.CKM_SHA256_HMAC }, key);
    const code = module.C_Sign(handle, data, Buffer.alloc(32));
    const expected = createHmac('sha256', secret!.value).update(data).digest();
    if (!equalBytes(code, expected)) throw new KysoError('integrity', 'the token computes a wrong HMAC');
  });
}
