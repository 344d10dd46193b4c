import { type LeafFields, makeLeaf } from '../audit/leaf.ts';
import { sha256 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import type { KeyTypeName } from '../crypto/algorithms.ts';
import { rowMac } from '../crypto/row-mac.ts';
import type { Token } from '../hsm/pool.ts';
import type { ResidentKeySpec } from '../hsm/protocol.ts';
import { type CaRows, caRows } from '../store/ca/rows.ts';
import type { CaStore, CaTx } from '../store/ca/tables.ts';
import { appendLeaves } from '../store/log.ts';

/** Labels of the token objects of "kyso-ca"; each key has one purpose (S84). */
export const tokenLabels = {
  root: 'kyso-ca-root',
  issuing: 'kyso-ca-issuing',
  feed: 'kyso-ca-feed',
  rowMac: 'kyso-ca-row-mac',
} as const;

/** The keys that the ceremony wants in the token. */
export const residentKeys: ResidentKeySpec[] = [
  { label: tokenLabels.root, kind: 'RSA-3072' },
  { label: tokenLabels.issuing, kind: 'RSA-3072' },
  { label: tokenLabels.feed, kind: 'EC-P256' },
  { label: tokenLabels.rowMac, kind: 'HMAC-SHA256' },
];

/** What ca asks of its token. */
export type CaToken = Pick<Token, 'signResident' | 'publicKey' | 'hmac'>;

/** A key of ca's token, ready to sign. */
export type CaKey = {
  spki: Buffer;
  /** Signs SHA-256 of `data`: ECDSA as DER, RSA as PKCS#1 v1.5. */
  sign(data: Uint8Array): Promise<Buffer>;
};

/** `sandbox`: ca issues over sandbox lines. `production`: it refuses until the desk's proofs exist (design §5). */
export type Mode = 'sandbox' | 'production';

/** What every part of the certification authority works with. One per ca process. */
export type Authority = {
  store: CaStore;
  rows: CaRows;
  clock: Clock;
  mode: Mode;
  /** This life of the store (S69). */
  epoch: string;
  root: Buffer;
  issuing: Buffer;
  issuingKey: CaKey;
  feedKey: CaKey;
};

/** What the store says of the authority once the ceremony is done. */
export const settingNames = {
  root: 'root-certificate',
  issuing: 'issuing-certificate',
  epoch: 'epoch',
  attestationKey: 'attestation-key',
} as const;

export async function readSetting(
  { store, rows }: Pick<Authority, 'store' | 'rows'>,
  name: string,
): Promise<string | undefined> {
  return (await rows.settings.find(store.read, { name }))?.value;
}

/** The sealed tables, under the MAC key that only the token can make. */
export async function openRows(store: CaStore, token: CaToken): Promise<CaRows> {
  return caRows(store.read.t, rowMac(await token.hmac({ label: tokenLabels.rowMac, data: Buffer.from('ca rows') })));
}

/** Finds a resident key by its label. */
export async function residentKey(token: CaToken, label: string): Promise<CaKey> {
  const { keyType, spki }: { keyType: KeyTypeName; spki: Buffer } = await token.publicKey({ label });
  return {
    spki,
    async sign(data) {
      const digests = [sha256(data)];
      const [signature] = await token.signResident({ label, keyType, spki, digest: 'SHA-256', digests });
      if (!signature) throw new KysoError('internal', 'the token answered without a signature');
      return signature;
    },
  };
}

/**
 * Opens the authority that the ceremony made.
 * @throws KysoError configuration — there was no ceremony on this store
 */
export async function openAuthority(
  options: Pick<Authority, 'store' | 'clock' | 'mode'> & { token: CaToken },
): Promise<Authority> {
  const { token, ...given } = options;
  const rows = await openRows(given.store, token);
  const settings = { store: given.store, rows };
  const [root, issuing, epoch] = await Promise.all(
    [settingNames.root, settingNames.issuing, settingNames.epoch].map((name) => readSetting(settings, name)),
  );
  if (!root || !issuing || !epoch) {
    throw new KysoError('configuration', 'there is no certification authority in this store yet: run "kyso ca init"');
  }
  return {
    ...given,
    rows,
    epoch,
    root: Buffer.from(root, 'base64'),
    issuing: Buffer.from(issuing, 'base64'),
    issuingKey: await residentKey(token, tokenLabels.issuing),
    feedKey: await residentKey(token, tokenLabels.feed),
  };
}

/** Writes entries of the issuance log in the transaction of the change that they record (S59). */
export async function record(
  authority: Pick<Authority, 'clock' | 'epoch'>,
  tx: CaTx,
  ...entries: Omit<LeafFields, 'actor'>[]
): Promise<void> {
  const { clock, epoch } = authority;
  const time = { at: clock.now(), monotonic: Math.round(clock.monotonic()), epoch };
  await appendLeaves(
    tx,
    entries.map((entry) => makeLeaf({ ...entry, actor: 'ca' }, time)),
  );
}
