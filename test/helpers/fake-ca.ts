import { generateKeyPairSync, sign } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Clock } from '../../src/base/clock.ts';
import { type FeedPayload, type Order, orderHash, type SignedFeed } from '../../src/ipc/feed.ts';
import { lint, signLinted } from '../../src/pki/lint.ts';
import { profiles } from '../../src/pki/profiles.ts';
import { draftOf, teacher, testAuthority } from './authority.ts';
import { start } from './fake-clock.ts';

/** Plays ca: numbers, signs and pushes what the signer obeys. */
export type FakeCa = {
  spki: Buffer;
  signed(payload: FeedPayload): SignedFeed;
  newest(): number;
  /** The next order, signed but not yet pushed. */
  order(order: Order): SignedFeed;
  /** A heartbeat, signed but not yet pushed. */
  heartbeat(changes?: Partial<Extract<FeedPayload, { type: 'heartbeat' }>>): SignedFeed;
};

export function fakeCa(clock: Clock): FakeCa {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let number = 0;
  let head = '';
  let beat = 0;
  const signed = (value: FeedPayload): SignedFeed => {
    const payload = canonicalize(value) as string;
    return { payload, signature: sign('sha256', Buffer.from(payload), privateKey).toString('base64') };
  };
  return {
    spki: publicKey.export({ format: 'der', type: 'spki' }),
    signed,
    newest: () => number,
    order(order) {
      number += 1;
      const message = signed({ type: 'order', number, previous: head, at: clock.now(), order });
      head = orderHash(message.payload);
      return message;
    },
    heartbeat(changes) {
      beat += 1;
      return signed({ type: 'heartbeat', beat, number, head, at: clock.now(), ...changes });
    },
  };
}

const authority = testAuthority('EC-P256', start - 3_600_000);

/** A certificate for this key under a made-up authority, base64 DER, end entity first. */
export async function certificateChain(spki: Buffer, now: number, notAfter?: number): Promise<string[]> {
  const { issuing, issuingKey, root } = await authority;
  const draft = draftOf(profiles.individual, teacher, spki, now - 60_000, issuing);
  const bounded = { ...draft, ...(notAfter !== undefined && { notAfter: new Date(notAfter) }) };
  const certificate = await signLinted(await lint(bounded), issuingKey.sign);
  return [certificate, issuing, root].map((der) => der.toString('base64'));
}
