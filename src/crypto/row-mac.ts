import { createHmac, createSecretKey } from 'node:crypto';
import { equalBytes } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';

/** A row that carries its own proof: whoever writes to the database without the token's key is noticed (design §7). */
export type SealedRow = { version: number; mac: Buffer };

/** Seals and checks rows of one store under a key that comes out of the token at start. */
export type RowMac = {
  /** The row with `mac` computed over the table's name, every other field, and the version. */
  seal<R extends { version: number }>(table: string, row: R): R & SealedRow;
  /** @throws KysoError integrity — the row is not the one that this process or a predecessor wrote */
  check<R extends SealedRow>(table: string, row: R): void;
  /** Whether the row is the one that this process or a predecessor wrote. */
  fits<R extends SealedRow>(table: string, row: R): boolean;
  /** A MAC over byte strings that belong to a row but stand in other rows; `owner` says to which. */
  over(owner: string, parts: Uint8Array[]): Buffer;
};

/** @param broken is told the table of each row whose MAC does not fit */
export function rowMac(secret: Uint8Array, broken: (table: string) => void = () => {}): RowMac {
  // As a KeyObject: from its bytes each MAC would cost three times as much.
  const key = createSecretKey(secret);
  const compute = (table: string, row: object) => createHmac('sha256', key).update(canonical(table, row)).digest();
  return {
    over(owner, parts) {
      const mac = createHmac('sha256', key).update(JSON.stringify([owner, parts.map((part) => part.length)]));
      for (const part of parts) mac.update(part);
      return mac.digest();
    },
    seal: (table, row) => ({ ...row, mac: compute(table, row) }),
    fits: (table, row) => equalBytes(compute(table, row), row.mac),
    check(table, row) {
      if (equalBytes(compute(table, row), row.mac)) return;
      broken(table);
      throw new KysoError(
        'integrity',
        `a row of ${table} does not carry the right MAC: somebody else wrote to the store`,
      );
    },
  };
}

/**
 * Table and fields in name order, each with its type and its end, so that no two different rows have one text. A field
 * that is null counts as absent: rows stay good when a migration adds a column that may be null.
 */
function canonical(table: string, row: object): string {
  let text = table;
  for (const name of Object.keys(row).sort()) {
    const value = (row as Record<string, unknown>)[name];
    if (name === 'mac' || value === undefined || value === null) continue;
    text += `\n${name} ${Buffer.isBuffer(value) ? `${value.length} ${value.toString('latin1')}` : JSON.stringify(value)}`;
  }
  return text;
}
