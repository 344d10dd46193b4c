import Type from 'typebox';
import { emailForm, phoneForm } from '../base/addresses.ts';

/** Field types that the contracts share. Everything is bounded; byte strings travel as base64. */
export const Id = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_-]+$' });
export const UserId = Type.String({ minLength: 1, maxLength: 128 });
export const Bytes = (maxLength: number) => Type.String({ maxLength, pattern: '^[A-Za-z0-9+/]*={0,2}$' });
export const DigestBytes = Bytes(88);
/** A number of at most 256 bits, in hex; leading zeros mean nothing. */
export const HexNumber = Type.String({ minLength: 1, maxLength: 64, pattern: '^[0-9A-Fa-f]+$' });
export const Oid = Type.String({ maxLength: 64, pattern: '^[0-9]+(\\.[0-9]+)+$' });
export const Instant = Type.Integer({ minimum: 0 });
export const Secret = Type.String({ minLength: 1, maxLength: 256 });
export const Text = (maxLength: number) => Type.String({ maxLength });
export const KeyTypeField = Type.Enum(['RSA-2048', 'RSA-3072', 'RSA-4096', 'EC-P256', 'EC-P384', 'EC-P521']);
/** The value of an Idempotency-Key header: printable ASCII. */
export const IdempotencyKey = Type.String({ minLength: 1, maxLength: 255, pattern: '^[\\x20-\\x7e]+$' });
/** How the holder of a credential gets one-time codes: from an authenticator app, or by e-mail on request. */
export const OtpField = Type.Enum(['totp', 'email']);
/** Where a person is told things; whether it is theirs, only its owner shows. */
export const Email = Type.String({ maxLength: 254, pattern: emailForm.source });
export const Phone = Type.String({ maxLength: 16, pattern: phoneForm.source });
export const Empty = Type.Object({}, { additionalProperties: false });

/** A closed object: unknown members are refused on our own wires (design §8). */
export const Closed = <P extends Record<string, Type.TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
