import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { SandboxLine } from '../ipc/ca-contract.ts';
import type { Credential } from '../store/ca/tables.ts';
import { type Authority, record } from './context.ts';
import type { Feed } from './feed.ts';
import { issueCertificate } from './issue.ts';
import { acceptLine } from './line.ts';

export type Issuer = {
  /**
   * Carries a sandbox line to an active credential; the same line again gives the same credential, however often and
   * however parallel it comes. While signer is away it waits.
   * @throws KysoError orderRefused, nameRefused — the line
   * @throws KysoError attestationInvalid — signer's key for it was refused; a new line is needed
   */
  issue(line: SandboxLine): Promise<{ subscriber: string; credentialID: string }>;
  /** Goes on with everything that a former life of this process began. Resolves when nothing of it is left. */
  resume(): Promise<void>;
};

/** @param onError is told what `resume` could not carry on */
export function sandboxIssuer(authority: Authority, feed: Feed, onError: (error: unknown) => void): Issuer {
  return {
    async issue(line) {
      const credential = await acceptLine(authority, line);
      await failpoint('line.accepted');
      await carryOn(authority, feed, credential);
      return { subscriber: credential.subscriber, credentialID: credential.id };
    },
    async resume() {
      const { rows, store } = authority;
      const unfinished = await Promise.all(
        ['ordered', 'attested', 'intended', 'issued'].map((status) => rows.credentials.list(store.read, { status })),
      );
      await Promise.all(unfinished.flat().map((credential) => carryOn(authority, feed, credential).catch(onError)));
    },
  };
}

/**
 * From wherever a credential stands to `active`. Each step leaves it where the next run can go on, and runs that meet
 * do each step once: the store decides.
 */
async function carryOn(authority: Authority, feed: Feed, { id, keyOrder, status }: Credential): Promise<void> {
  if (status === 'active') return;
  feed.wake();
  await feed.delivered(keyOrder);
  const { rows, store } = authority;
  const keyed = await rows.credentials.find(store.read, { id });
  if (keyed?.status === 'refused') throw new KysoError('attestationInvalid', 'the key for this line was refused');
  const issued = await issueCertificate(authority, id);
  feed.wake();
  await feed.delivered(issued.certificateOrder ?? Number.POSITIVE_INFINITY);
  await failpoint('certificate.delivered');
  await store.write(async (tx) => {
    const locked = await rows.credentials.lock(tx, { id, status: 'issued' });
    if (!locked) return;
    await rows.credentials.replace(tx, locked, { status: 'active' });
    const { subscriber } = locked;
    await record(authority, tx, { event: 'credential.activated', result: 'done', subscriber, credential: id });
  });
}
