import { hashMember, type KeyTypeName, type SignScheme, signAlgosOf } from '../crypto/algorithms.ts';
import type { WrapMechanism } from './provider.ts';

/** How a subscriber's private key is kept: outside the token, wrapped by this mechanism, or in the token. */
export type Custody = WrapMechanism | 'resident';

/**
 * What a token can do, as far as we need it (S56). `custody`: how it keeps the keys that it makes from now on;
 * `unwraps`: the mechanisms of the wrapped keys that it can open. `pss`: no RSASSA-PSS with any salt; only with MGF1 of
 * the message's own digest (SoftHSM 2.6.1 refuses others); or with any.
 */
export type Capabilities = {
  custody: Custody;
  unwraps: WrapMechanism[];
  keyTypes: KeyTypeName[];
  pss: 'none' | 'sameDigest' | 'anyDigest';
};

/** Whether such a token can use a key of this type that is kept in this way (a `Custody`). */
export function opens({ keyTypes, unwraps }: Capabilities, keyType: KeyTypeName, mechanism: string): boolean {
  if (!keyTypes.includes(keyType)) return false;
  return mechanism === 'resident' || unwraps.some((name) => name === mechanism);
}

/** The `signAlgo` OIDs that such a token can serve with a key of this type, preferred first. */
export function servedAlgos({ keyTypes, pss }: Capabilities, keyType: KeyTypeName): string[] {
  if (!keyTypes.includes(keyType)) return [];
  return signAlgosOf(keyType).filter((oid) => pss !== 'none' || hashMember(oid) !== 'signAlgoParams');
}

/** Whether such a token can sign in this way with a key of this type. */
export function serves({ keyTypes, pss }: Capabilities, keyType: KeyTypeName, scheme: SignScheme): boolean {
  if (!keyTypes.includes(keyType)) return false;
  if (!scheme.pss || pss === 'anyDigest') return true;
  return pss === 'sameDigest' && scheme.pss.mgfDigest === scheme.digest;
}
