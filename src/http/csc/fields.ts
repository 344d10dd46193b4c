import Type from 'typebox';
import { multisign } from '../../ipc/signer-contract.ts';

/** Members that several methods have. */
export const CredentialId = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_-]+$' });

/** A SAD is opaque; ours have 43 characters. */
export const SadField = Type.String({ minLength: 1, maxLength: 256 });

/** Digests in either base64 alphabet, padded or not (design §8); `digest` is a format that the server defines. */
export const Hashes = Type.Array(Type.String({ format: 'digest' }), { minItems: 1, maxItems: multisign });
