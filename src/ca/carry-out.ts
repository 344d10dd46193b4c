import { type ErrorKind, KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Line as LineFields } from '../ipc/line.ts';
import type { Line } from '../store/ca/tables.ts';
import { type Authority, record } from './context.ts';
import type { Feed } from './feed.ts';
import { issueCertificate } from './issue.ts';
import { isExternal } from './line.ts';
import { procedures } from './procedures.ts';
import { revoke } from './revoke.ts';

/** What has begun and not ended: what a restart goes on with. */
const unfinished = ['ordered', 'attested', 'intended', 'issued', 'installed'];

/**
 * From wherever an ordered line stands to `active`: signer has made its key, the certificate is issued, and signer has it.
 * Each step leaves it where the next run can go on, and runs that meet do each step once: the store decides. While signer
 * is away it waits. A line for an outside authority stays `attested` until its certificate is imported.
 * @throws KysoError of the kind for which the line was refused
 */
export async function carryOut(authority: Authority, feed: Feed, lineHash: string): Promise<void> {
  const { rows, store } = authority;
  const find = async (): Promise<Line | undefined> => {
    const line = await rows.lines.find(store.read, { lineHash });
    if (line?.status === 'refused')
      throw new KysoError((line.refusal ?? 'orderRefused') as ErrorKind, 'the line was refused');
    return line;
  };
  const begun = await find();
  if (begun?.status === 'active') return;
  if (begun?.status === 'installed') return finish(authority, lineHash);
  feed.wake();
  if (begun?.status === 'ordered' && begun.keyOrder !== null) await feed.delivered(begun.keyOrder);
  const ready = await find();
  // It goes on when the certificate is imported.
  if (ready?.status === 'attested' && isExternal(ready)) return;
  const issued = await issueCertificate(authority, lineHash);
  feed.wake();
  await feed.delivered(issued.certificateOrder ?? Number.POSITIVE_INFINITY);
  await failpoint('certificate.delivered');
  await install(authority, lineHash);
  await finish(authority, lineHash);
}

/** Signer has the certificate: from now on it is the credential's. The one before is nobody's any more. */
async function install(authority: Authority, lineHash: string): Promise<void> {
  const { rows, store } = authority;
  await store.write(async (tx) => {
    const line = await rows.lines.lock(tx, { lineHash, status: 'issued' });
    const credential = line && (await rows.credentials.lock(tx, { id: line.credential }));
    if (!credential) return;
    const { certificate, keyVersion } = line;
    const procedure = line.procedure as LineFields['procedure'];
    const more = procedures[procedure].supersedes;
    const next = { status: 'active', certificate, keyVersion, ...(!more && { line: null }) };
    await rows.credentials.replace(tx, credential, next);
    await rows.lines.replace(tx, line, { status: more ? 'installed' : 'active' });
    const { subscriber, id } = credential;
    await record(authority, tx, {
      ...{ event: 'credential.activated', result: 'done', subscriber, credential: id },
      detail: { procedure, lineHash, keyVersion },
    });
  });
}

/** Where the procedure says so, what the new certificate took the place of is revoked; then the next line may come. */
async function finish(authority: Authority, lineHash: string): Promise<void> {
  const { rows, store } = authority;
  const installed = await rows.lines.find(store.read, { lineHash, status: 'installed' });
  if (!installed) return;
  const fields: LineFields = JSON.parse(installed.text);
  if (fields.procedure !== 'issue') {
    const by = { level: 'officer', name: installed.list } as const;
    await revoke(authority, { serialNumber: fields.certificate, reason: 'superseded', by });
  }
  await store.write(async (tx) => {
    const line = await rows.lines.lock(tx, { lineHash, status: 'installed' });
    const credential = line && (await rows.credentials.lock(tx, { id: line.credential }));
    if (!credential) return;
    await rows.credentials.replace(tx, credential, { line: null });
    await rows.lines.replace(tx, line, { status: 'active' });
  });
}

/** Lines that `resumeLines` is carrying out, by the feed that they wait for. */
const underWay = new WeakMap<Feed, Set<string>>();

/**
 * Goes on with everything that was begun and not ended, by a former life of this process or until something failed that
 * may work again by now. Resolves when nothing of it is left. Called again meanwhile, it leaves alone what is under way.
 * @param onError is told what could not be carried out
 */
export async function resumeLines(authority: Authority, feed: Feed, onError: (error: unknown) => void): Promise<void> {
  const { rows, store } = authority;
  const busy = underWay.get(feed) ?? new Set();
  underWay.set(feed, busy);
  const lines = await Promise.all(unfinished.map((status) => rows.lines.list(store.read, { status })));
  const begun = new Set(lines.flat().map(({ lineHash }) => lineHash));
  const idle = [...begun].filter((lineHash) => !busy.has(lineHash));
  await Promise.all(
    idle.map((lineHash) => {
      busy.add(lineHash);
      return carryOut(authority, feed, lineHash)
        .catch(onError)
        .finally(() => busy.delete(lineHash));
    }),
  );
}
