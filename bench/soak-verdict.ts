import { median } from './statistics.ts';

/** What was seen at one moment: bytes, sessions of the worker that has most, and counts since the start. */
export type Sample = { rss: number; sessions: number; signatures: number; failures: number };

/** Memory of the last third may differ from the first third's by this share. */
const flat = 0.05;
/** The share of a run in which caches and heaps fill up, which says nothing about leaks. */
const warmUp = 0.1;

/** What misses the bar (issue 4): memory summed flat, sessions constant, no failed request. None when all is well. */
export function missed(samples: Sample[]): string[] {
  const settled = samples.slice(Math.floor(warmUp * samples.length));
  const third = Math.floor(settled.length / 3);
  const last = samples.at(-1);
  if (third === 0 || !last) return ['there are too few samples for a verdict'];
  const [before, after] = [middle(settled.slice(0, third)), middle(settled.slice(-third))];
  const change = (after - before) / before;
  const findings: string[] = [];
  if (Math.abs(change) > flat)
    findings.push(`memory went from ${megabytes(before)} to ${megabytes(after)} (${percent(change)})`);
  const sessions = new Set(samples.map((sample) => sample.sessions));
  if (sessions.size > 1) findings.push(`a token worker had ${[...sessions].join(', ')} sessions open`);
  if (last.signatures === 0) findings.push('nothing was signed');
  if (last.failures > 0) findings.push(`${last.failures} requests failed`);
  return findings;
}

/** The median: each Argon2id holds 64 MiB for a quarter of a second, and a sample sees none, one or two. */
const middle = (samples: Sample[]) => median(samples.map(({ rss }) => rss));
const percent = (share: number) => `${share > 0 ? '+' : ''}${(100 * share).toFixed(1)} %`;
export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
