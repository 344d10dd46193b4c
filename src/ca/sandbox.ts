import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { newId } from '../base/ids.ts';
import type { IssueLine, SandboxLine } from '../ipc/line.ts';
import type { CaTx, Line } from '../store/ca/tables.ts';
import { isConflict } from '../store/failure.ts';
import { carryOut, resumeLines } from './carry-out.ts';
import { type Authority, record } from './context.ts';
import { sandboxList } from './draft.ts';
import type { Feed } from './feed.ts';
import { hashOfLine, lineText } from './line.ts';
import { assertOrderable } from './line-rules.ts';
import { orderLine } from './lines.ts';

export type Issuer = {
  /**
   * Carries a sandbox line to an active credential; the same line again gives the same credential, however often and
   * however parallel it comes. While signer is away it waits.
   * @throws KysoError orderRefused, nameRefused — the line
   * @throws KysoError attestationInvalid, keyReused — signer's key for it was refused; a new line is needed
   */
  issue(line: SandboxLine): Promise<{ subscriber: string; credentialID: string }>;
  /** Goes on with everything that a former life of this process began. Resolves when nothing of it is left. */
  resume(): Promise<void>;
};

/** @param onError is told what `resume` could not carry on */
export function sandboxIssuer(authority: Authority, feed: Feed, onError: (error: unknown) => void): Issuer {
  return {
    async issue(line) {
      const { lineHash, credential: credentialID } = await orderSandboxLine(authority, line);
      await failpoint('line.accepted');
      await carryOut(authority, feed, lineHash);
      const credential = await authority.rows.credentials.find(authority.store.read, { id: credentialID });
      if (!credential) throw new KysoError('integrity', `credential ${credentialID} is gone`);
      return { subscriber: credential.subscriber, credentialID };
    },
    resume: () => resumeLines(authority, feed, onError),
  };
}

const organisation = 'sandbox';

/**
 * Takes a sandbox line in and orders it. The same line again gives the same row.
 * @throws KysoError orderRefused — outside the sandbox, or the line contradicts what is known of its person
 * @throws KysoError nameRefused — the subject cannot stand in a certificate
 */
export async function orderSandboxLine(authority: Authority, line: SandboxLine): Promise<Line> {
  if (authority.mode !== 'sandbox') throw new KysoError('orderRefused', 'only a sandbox issues over a sandbox line');
  for (let conflicts = 0; ; conflicts += 1) {
    try {
      return await authority.store.write((tx) => enter(authority, tx, { procedure: 'issue', ...line }));
    } catch (error) {
      // Others entered its person or the line itself at the same time, one after the other: now each can be found.
      if (!isConflict(error) || conflicts === 2) throw error;
    }
  }
}

async function enter(authority: Authority, tx: CaTx, line: IssueLine): Promise<Line> {
  const { rows, clock } = authority;
  const lineHash = hashOfLine(line);
  const known = await rows.lines.find(tx, { lineHash });
  if (known) return known;
  await assertOrderable(authority, tx, line, organisation);
  const accepted = await rows.lines.insert(tx, {
    ...{ lineHash, credential: newId(), procedure: line.procedure, list: sandboxList, text: lineText(line) },
    ...{ status: 'accepted', keyVersion: 0, keyOrder: null, spki: null, attestation: null },
    ...{ certificate: null, certificateOrder: null, refusal: null, createdAt: clock.now() },
  });
  await record(authority, tx, {
    ...{ event: 'line.accepted', result: 'done', credential: accepted.credential },
    detail: { list: accepted.list, lineHash, procedure: line.procedure },
  });
  await orderLine(authority, tx, accepted, organisation);
  return (await rows.lines.find(tx, { lineHash })) ?? accepted;
}
