import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Line as LineFields, SandboxLine } from '../ipc/line.ts';
import type { CaTx, Line } from '../store/ca/tables.ts';
import { approveList } from './approvals.ts';
import { atLast } from './at-last.ts';
import { carryOut, resumeLines } from './carry-out.ts';
import type { Authority } from './context.ts';
import type { Feed } from './feed.ts';
import { hashOfLine } from './line.ts';
import { enterList, listStatement, verifyList } from './lists.ts';
import { playOfficer } from './officer-factors.ts';
import { sandboxCode } from './organisations.ts';
import { openSandbox, type SandboxOrganisation, sandboxOfficers } from './sandbox-organisation.ts';

export type Issuer = {
  /**
   * Carries a sandbox line to an active credential; the same line again gives the same credential, however often and
   * however parallel it comes. While signer is away it waits.
   * @throws KysoError orderRefused, nameRefused — the line
   * @throws KysoError attestationInvalid, keyReused — signer's key for it was refused; a new line is needed
   */
  issue(line: SandboxLine): Promise<{ subscriber: string; credentialID: string }>;
  /** Goes on with everything that was begun and not ended, as `resumeLines`. */
  resume(): Promise<void>;
};

/** @param onError is told what `resume` could not carry on */
export function sandboxIssuer(authority: Authority, feed: Feed, onError: (error: unknown) => void): Issuer {
  const order = sandboxOrders(authority);
  return {
    async issue(line) {
      const { lineHash, credential: credentialID } = await order({ procedure: 'issue', ...line });
      await failpoint('line.accepted');
      await carryOut(authority, feed, lineHash);
      const credential = await authority.rows.credentials.find(authority.store.read, { id: credentialID });
      if (!credential) throw new KysoError('integrity', `credential ${credentialID} is gone`);
      return { subscriber: credential.subscriber, credentialID };
    },
    resume: () => resumeLines(authority, feed, onError),
  };
}

/**
 * Has lines ordered as an organisation and two officers would: a list of one line, signed with the key of the sandbox's
 * own organisation, checked and approved by the two officers that it plays. The same line again gives the same row.
 * @throws KysoError orderRefused — outside the sandbox, or the line cannot be carried out
 * @throws KysoError nameRefused — the subject cannot stand in a certificate
 */
export function sandboxOrders(authority: Authority): (line: LineFields) => Promise<Line> {
  let opened: Promise<SandboxOrganisation> | undefined;
  return async (line) => {
    if (authority.mode !== 'sandbox') throw new KysoError('orderRefused', 'only a sandbox issues over a sandbox line');
    opened ??= openSandbox(authority).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    const { sign } = await opened;
    const lineHash = hashOfLine(line);
    const known = await authority.rows.lines.find(authority.store.read, { lineHash });
    if (known) return known;
    const signature = sign(listStatement(sandboxCode, [lineHash]));
    const list = await verifyList(authority, { organisation: sandboxCode, lines: [line], signature });
    return atLast(() =>
      authority.store.write(async (tx) => {
        const { id } = await enterList(authority, tx, list);
        await approve(authority, tx, id, lineHash);
        const ordered = await authority.rows.lines.find(tx, { lineHash });
        if (ordered?.status === 'refused') throw new KysoError('orderRefused', 'the line cannot be carried out');
        if (!ordered) throw new KysoError('integrity', `line ${lineHash} is gone`);
        return ordered;
      }),
    );
  };
}

async function approve(authority: Authority, tx: CaTx, list: string, lineHash: string): Promise<void> {
  const [first, second] = sandboxOfficers;
  const seen = [lineHash];
  await approveList(authority, tx, { list, seen, act: 'check' }, playOfficer(authority, first.id));
  await approveList(authority, tx, { list, seen, act: 'approve' }, playOfficer(authority, second.id));
}
