import { randomBytes } from 'node:crypto';
import type { Handle, PKCS11 } from 'pkcs11js';
import type { KeyTypeName } from '../../src/crypto/algorithms.ts';
import { codeOf } from '../../src/hsm/errors.ts';
import { connect, openSession } from '../../src/hsm/module.ts';
import { findKey } from '../../src/hsm/objects.ts';
import { probe, selfTest } from '../../src/hsm/probe.ts';
import type { GeneratedKey } from '../../src/hsm/protocol.ts';
import { unwrapHints, wrapMechanisms } from '../../src/hsm/provider.ts';
import { generateWrapped } from '../../src/hsm/subscriber-keys.ts';
import { privateKeyTemplate } from '../../src/hsm/templates.ts';
import { type Provider, softHsm } from '../helpers/tokens.ts';

export const subscriberKeyTypes: KeyTypeName[] = ['EC-P256', 'RSA-2048'];
export const digests = (count: number, length = 32) => Array.from({ length: count }, () => randomBytes(length));

/** A token used in the test's own process, to reach it behind the back of the code under test. Once per process. */
export async function attach(t: { teardown(handler: () => void): void }, provider: Provider = softHsm) {
  const token = await provider.makeToken(t, [
    { label: 'kek-1', kind: 'AES-256-KEK' },
    { label: 'pepper-1', kind: 'HMAC-SHA256' },
    { label: 'log', kind: 'EC-P256' },
    { label: 'root', kind: 'RSA-3072' },
  ]);
  Object.assign(process.env, token.config.environment);
  const slot = await connect({ ...token.config, pin: token.pin() });
  const session = openSession(slot);
  const { module, handle } = session;
  const capabilities = selfTest(slot, probe(slot));
  const kek = findKey(session, 'secret', 'kek-1');
  const { custody } = capabilities;
  if (custody === 'resident') throw new Error('a token that cannot wrap');
  const wrapping = { mechanism: wrapMechanisms[custody] };

  return {
    token,
    slot,
    session,
    capabilities,
    kek,
    generate: (keyType: KeyTypeName) => generateWrapped(session, kek, custody, keyType),
    /** Unwraps as for signing by `mechanism`. */
    unwrap(
      keyType: KeyTypeName,
      { wrapped, spki }: Pick<GeneratedKey, 'wrapped' | 'spki'>,
      mechanism?: number,
    ): Handle {
      const hints = unwrapHints(module, keyType, spki);
      const template = [
        ...hints,
        ...privateKeyTemplate(keyType, 'session', false, mechanism === undefined ? undefined : [mechanism]),
      ];
      return module.C_UnwrapKey(handle, wrapping, kek, wrapped, template);
    },
    /** What the token wraps with. */
    wrapping,
    /** One attribute, in hex. */
    attribute: (key: Handle, type: number) =>
      module.C_GetAttributeValue(handle, key, [{ type }])[0]!.value.toString('hex'),
    countObjects(): number {
      module.C_FindObjectsInit(handle, []);
      const count = module.C_FindObjects(handle, 10_000).length;
      module.C_FindObjectsFinal(handle);
      return count;
    },
  };
}

/** The CKR code that `call` is refused with, in hex; 'allowed' when it is not refused. */
export function refusalOf(call: () => unknown): string {
  try {
    call();
    return 'allowed';
  } catch (error) {
    return `0x${codeOf(error)?.toString(16)}`;
  }
}

type Call = (...args: unknown[]) => unknown;

/** Puts a call of the module in other hands until the answered function is called. */
export function replace(
  module: PKCS11,
  name: `C_${string}`,
  replacement: (original: Call, args: unknown[]) => unknown,
) {
  const original = Reflect.get(module, name) as Call;
  Reflect.set(module, name, (...args: unknown[]) => replacement((...given) => original.apply(module, given), args));
  return () => {
    Reflect.set(module, name, original);
  };
}
