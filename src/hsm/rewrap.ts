import { randomBytes } from 'node:crypto';
import type { Session } from './module.ts';
import { destroyedAfter, findKey } from './objects.ts';
import type { GeneratedKey, RewrapJob } from './protocol.ts';
import type { WrapMechanism } from './provider.ts';
import { signUnwrapped, unwrap, wrap } from './subscriber-keys.ts';

/**
 * Passes a subscriber's key from one KEK to another without its leaving the token: unwrapped under the old one as a
 * session object, wrapped under the new one by `mechanism`, and the new blob proved by a signature made with what it
 * unwraps to (S57, S53). Nothing of it stays in the token.
 * @throws KysoError integrity — the blob is not one of `job.from`, or not the key of `job.spki`
 * @throws KysoError internal — one of the KEKs is not there
 */
export function rewrap(
  session: Session,
  mechanism: WrapMechanism,
  job: RewrapJob,
): Pick<GeneratedKey, 'wrapped' | 'mechanism'> {
  const [from, to] = [findKey(session, 'secret', job.from), findKey(session, 'secret', job.to)];
  const key = unwrap(session, from, job, true);
  const wrapped = destroyedAfter(session, [key], () => wrap(session, to, mechanism, key));
  const { keyType, spki } = job;
  signUnwrapped(session, to, { keyType, spki, wrapped, mechanism, digest: 'SHA-256', digests: [randomBytes(32)] });
  return { wrapped, mechanism };
}
