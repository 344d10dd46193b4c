import type { Result } from './cases.ts';

/** What is going on, on a terminal in one line that is written over. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K• ${text}`);
  else process.stderr.write(`• ${text}\n`);
}

const columns: [string, number, (result: Result) => string][] = [
  ['case', 28, (result) => result.case],
  ['store', 11, (result) => result.engine],
  ['against the bare', 20, (result) => result.bare],
  ['by CPU', 8, (result) => result.cpuRatio.toFixed(2)],
  ['by rate', 9, (result) => result.throughputRatio.toFixed(2)],
  ['µs CPU (bare)', 15, ({ cpuEach, bareCpuEach }) => `${Math.round(cpuEach)} (${Math.round(bareCpuEach)})`],
  ['signatures/s', 14, (result) => String(Math.round(result.perSecond))],
  ['p50 ms', 8, (result) => result.p50.toFixed(1)],
  ['p95', 8, (result) => result.p95.toFixed(1)],
  ['p99', 8, (result) => result.p99.toFixed(1)],
  ['live p99', 9, (result) => result.liveP99.toFixed(1)],
];

export function printTable(results: Result[]): void {
  const line = (cells: string[]) =>
    cells.map((cell, n) => (n < 3 ? cell.padEnd(columns[n]![1]) : cell.padStart(columns[n]![1]))).join('');
  console.log(`\n${line(columns.map(([title]) => title))}`);
  for (const result of results) console.log(line(columns.map(([, , show]) => show(result))));
}
