import { setImmediate as turn } from 'node:timers/promises';
import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { firstTimeOrderedId } from '../base/ids.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignedFeed } from '../ipc/feed.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { findEvidence, keepEvidence, leavesBetween } from '../store/signer/evidence.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';
import type { Relied } from './relied.ts';
import { readSetting } from './settings.ts';

/**
 * Keeps the message of the feed that a signature relied on, in the commit of its result. Which one was kept last is
 * remembered, since thousands of signatures rely on the same one: the caller sets `signer.evidence.kept` after it.
 */
export async function keepFeedEvidence({ evidence }: Signer, tx: SignerTx, { digest, bytes }: Relied): Promise<void> {
  if (evidence.kept !== digest) await keepEvidence(tx, { digest, kind: 'feed', bytes, issuer: null });
}

/** Keeps a certificate and those above it, end entity first, in the commit of its installation. */
export async function keepChainEvidence(tx: SignerTx, chain: Buffer[]): Promise<void> {
  const digests = chain.map((bytes) => sha256(bytes).toString('hex'));
  for (const [index, bytes] of chain.entries()) {
    const issuer = digests[index + 1] ?? null;
    await keepEvidence(tx, { digest: digests[index]!, kind: 'certificate', bytes, issuer });
  }
}

/** Leaves of one query, and how long before and after its request they may have been written, in milliseconds. */
const chunk = 1_000;
const [early, late] = [60_000, 300_000];

/**
 * What the log says of a request, and what its signatures relied on: the certificate with its chain, the message of the
 * feed, and the key that this was signed with. `at`: about when the request came.
 * @throws KysoError requestInvalid — there is no leaf of it at that time; integrity — evidence is not what its digest says
 */
export async function evidenceOf(
  signer: Signer,
  { request, at }: Params<SignerContract, 'evidence'>,
): Promise<Result<SignerContract, 'evidence'>> {
  const found = await leavesOf(signer, request, at);
  if (found.length === 0)
    throw new KysoError('requestInvalid', 'the log has no request of this id at this time: --at says when it came');
  const details = found.map(({ leaf }) => JSON.parse(leaf).detail ?? {});
  const certificates = new Set(details.flatMap(({ certificate }) => certificate ?? []));
  const messages = new Set(details.flatMap(({ feed }) => feed ?? []));
  const feedKey = await readSetting(signer.rows, signer.store.read, 'caFeedKey');
  return {
    leaves: found,
    chains: await Promise.all([...certificates].map((digest) => chainOf(signer, digest))),
    messages: await Promise.all(
      [...messages].map(async (digest) => JSON.parse((await read(signer, digest)).bytes.toString()) as SignedFeed),
    ),
    feedKey: feedKey ?? '',
  };
}

async function leavesOf({ store }: Signer, request: string, at: number) {
  const found: { position?: number; leaf: string }[] = [];
  const until = firstTimeOrderedId(at + late);
  let after = firstTimeOrderedId(Math.max(0, at - early));
  for (;;) {
    const rows = await leavesBetween(store.read, after, until, chunk);
    for (const { position, leaf } of rows)
      if (leaf.includes(request) && JSON.parse(leaf).request === request)
        found.push({ leaf, ...(position !== null && { position }) });
    const last = rows.at(-1);
    if (!last || rows.length < chunk) return found;
    after = last.id;
    await turn(); // a long log must not keep signatures waiting
  }
}

/** A certificate and those above it, base64 DER. */
async function chainOf(signer: Signer, digest: string): Promise<string[]> {
  const { bytes, issuer } = await read(signer, digest);
  const above = issuer === null || issuer === digest ? [] : await chainOf(signer, issuer);
  return [bytes.toString('base64'), ...above];
}

async function read({ store }: Signer, digest: string) {
  const evidence = await findEvidence(store.read, digest);
  if (!evidence || sha256(evidence.bytes).toString('hex') !== digest)
    throw new KysoError('integrity', `the evidence ${digest} is gone, or was changed in the store`);
  return evidence;
}
