import { createHmac } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { equalBytes } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import type { Token } from '../hsm/pool.ts';
import { Closed, Id, Instant } from '../ipc/fields.ts';
import { logSize } from '../store/log.ts';
import type { SignerRows } from '../store/signer/rows.ts';
import type { SignerStore } from '../store/signer/tables.ts';
import { tokenLabels } from './context.ts';
import { type Epoch, readEpoch } from './epochs.ts';
import { parsePlace } from './feed-state.ts';
import { readSetting } from './settings.ts';

/** How far a store has come: its life, log leaves with a position, orders of ca applied, and the last instant. */
const Mark = Closed({ epoch: Id, leaves: Instant, orders: Instant, at: Instant });
export type Mark = Static<typeof Mark>;

const schema = Compile(Closed({ mark: Mark, mac: Type.String() }));

/**
 * Where the mark is kept: outside the store, so that an older copy of the store in its place is noticed. Whoever takes
 * both back is not noticed here.
 */
export type MarkFile = { read(): string | undefined; write(text: string): void };

type Parts = { store: SignerStore; rows: SignerRows; token: Token; file: MarkFile };
export type Watermark = {
  /** Compares the store with the mark, and moves the mark. @throws KysoError configuration — the store is behind it */
  keep(): Promise<void>;
};

/**
 * Compares the store with the mark that its last life left.
 * @throws KysoError configuration — the store is behind it, or the mark is not this token's; the message names the fix
 */
export async function openWatermark({ store, rows, token, file }: Parts): Promise<Watermark> {
  const key = await token.hmac({ label: tokenLabels.rowMac, data: Buffer.from('kyso watermark') });
  const macOf = (mark: Mark) => createHmac('sha256', key).update(JSON.stringify(mark)).digest();
  const text = file.read();
  let last = text === undefined ? undefined : parse(text);

  function parse(content: string): Mark {
    const kept = readJson(content);
    if (schema.Check(kept) && equalBytes(macOf(kept.mark), Buffer.from(kept.mac, 'hex'))) return kept.mark;
    throw new KysoError('configuration', `the watermark beside the store is not of this signer's token; ${remedy}`);
  }

  async function compare(): Promise<Mark> {
    const epoch = await readEpoch(rows, store.read);
    const now = await markOf(store, rows, epoch);
    if (last) assertNotBehind(epoch, now, last);
    return now;
  }

  await compare();
  return {
    async keep() {
      last = await compare();
      file.write(JSON.stringify({ mark: last, mac: macOf(last).toString('hex') }));
    },
  };
}

const remedy =
  'if this store is meant to count from now on, stop all signers and run "kyso signer restored"; otherwise put the newest one in its place';

function assertNotBehind(epoch: Epoch, now: Mark, last: Mark): void {
  // A store that began a new life after the mark was made may have any size.
  if (epoch.before.includes(last.epoch)) return;
  const behind = epoch.id !== last.epoch || now.leaves < last.leaves || now.orders < last.orders || now.at < last.at;
  if (!behind) return;
  const facts = `${now.leaves} of ${last.leaves} log entries, ${now.orders} of ${last.orders} orders`;
  throw new KysoError('configuration', `the signer's store is older than the one that was here (${facts}): ${remedy}`);
}

/** How far a store has come. */
export async function markOf(store: SignerStore, rows: SignerRows, { id: epoch }: Pick<Epoch, 'id'>): Promise<Mark> {
  const orders = parsePlace(await readSetting(rows, store.read, 'feedPlace')).number;
  const at = Number((await readSetting(rows, store.read, 'lastInstant')) ?? 0);
  return { epoch, leaves: await logSize(store.read), orders, at };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
