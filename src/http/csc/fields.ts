import Type from 'typebox';
import { multisign } from '../../ipc/signer-contract.ts';

/** What `credentials/authorize` and `extendTransaction` answer; `expiresIn` in seconds. */
export const SadAnswer = Type.Object({ SAD: Type.String(), expiresIn: Type.Integer({ minimum: 1 }) });

/** For the examples of the OpenAPI document. */
export const exampleHash = 'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=';
export const exampleSad = { SAD: 'p0Zq3m9X2v7c1b5n8k4j6h0g3f2d1s9a7q5w3e1r8t0', expiresIn: 300 };

/** Members that several methods have. */
export const CredentialId = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_-]+$' });
export const lang = Type.Optional(Type.String({ description: 'BCP 47; the answer is in en-US or vi-VN and says so' }));
export const clientData = Type.Optional(Type.String({ description: "The application's own; means nothing here" }));

/** A SAD is opaque; ours have 43 characters. */
export const SadField = Type.String({ minLength: 1, maxLength: 256 });

/** Digests in either base64 alphabet, padded or not (design §8); `digest` is a format that the server defines. */
export const Hashes = Type.Array(Type.String({ format: 'digest' }), {
  ...{ minItems: 1, maxItems: multisign },
  description: 'SHA-256, SHA-384 or SHA-512 digests, all of one length, in base64 or base64url',
});
