import { hashMember, type KeyTypeName, type SignScheme, signAlgosOf } from '../crypto/algorithms.ts';
import type { WrapMechanism } from './provider.ts';

/**
 * What a token can do, as far as we need it (S56). `pss`: no RSASSA-PSS with any salt; only with MGF1 of the message's
 * own digest (SoftHSM 2.6.1 refuses others); or with any.
 */
export type Capabilities = {
  wrapMechanism: WrapMechanism;
  keyTypes: KeyTypeName[];
  pss: 'none' | 'sameDigest' | 'anyDigest';
};

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
