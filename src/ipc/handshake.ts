import { createHmac, randomBytes } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { equalBytes } from '../base/bytes.ts';
import { Bytes, Closed } from './fields.ts';

/*
 * Both ends of a link hold its key, made anew by the supervisor at each boot. Client: {link, nonce}. Server: {nonce,
 * proof}. Client: {proof}. Each proof is an HMAC over the role, the link and both nonces, so neither side can replay
 * the other's. After that the kernel keeps the connection to these two processes.
 */
export const LinkField = Type.Enum(['api', 'ca', 'signer', 'operator']);
const Hello = Closed({ link: LinkField, nonce: Bytes(44) });
const Challenge = Closed({ nonce: Bytes(44), proof: Bytes(44) });
const Answer = Closed({ proof: Bytes(44) });

export const hello = Compile(Hello);
export const challenge = Compile(Challenge);
export const answer = Compile(Answer);
export type Hello = Static<typeof Hello>;
export type Challenge = Static<typeof Challenge>;

export const newNonce = () => randomBytes(32).toString('base64');

/** The proof that `role` knows the key of this link, for this connection only. */
export function prove(key: Uint8Array, role: 'client' | 'server', hello: Hello, serverNonce: string): string {
  return createHmac('sha256', key)
    .update(JSON.stringify([role, hello.link, hello.nonce, serverNonce]))
    .digest('base64');
}

export function proves(
  key: Uint8Array,
  role: 'client' | 'server',
  hello: Hello,
  serverNonce: string,
  proof: string,
): boolean {
  return equalBytes(Buffer.from(prove(key, role, hello, serverNonce)), Buffer.from(proof));
}
