import { createHash } from 'node:crypto';
import type { Log } from './facts.ts';

/** A leaf's content, as far as the checker reads it. */
export type Entry = {
  event: string;
  result: 'intended' | 'done' | 'refused' | 'failed' | 'unknown';
  at: number;
  signing?: string;
  authorization?: string;
  credential?: string;
  hashes?: string[];
};

export const entriesOf = ({ leaves }: Log): Entry[] => leaves.map(({ leaf }) => JSON.parse(leaf));

/** Every leaf has its place, the places have no gap, and each hash is that of its leaf (RFC 6962 §2.1). */
export function checkLog(name: string, { leaves, size }: Log): string[] {
  const findings: string[] = [];
  const positions = leaves.map(({ position }) => position).filter((position) => position !== null);
  const missing = leaves.length - positions.length;
  if (missing > 0) findings.push(`${name}: ${missing} leaves have no position`);
  const taken = new Set(positions);
  const gaps = Array.from({ length: size }, (_, position) => position).filter((position) => !taken.has(position));
  if (gaps.length > 0) findings.push(`${name}: the log of ${size} has gaps at ${gaps.slice(0, 5).join(', ')}`);
  if (taken.size !== positions.length) findings.push(`${name}: two leaves share a position`);
  if (positions.some((position) => position >= size)) findings.push(`${name}: a leaf lies beyond the log's size`);
  for (const { id, leafHash, leaf } of leaves) {
    const hash = createHash('sha256').update(Uint8Array.of(0)).update(leaf).digest('hex');
    if (hash !== leafHash) findings.push(`${name}: leaf ${id} has another hash`);
  }
  return findings;
}
