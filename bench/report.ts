import type { CallResult } from './calls.ts';
import type { Result } from './cases.ts';
import type { SizeResult } from './size.ts';

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
  ['store µs', 10, ({ storeCpuEach }) => (storeCpuEach === 0 ? '' : String(Math.round(storeCpuEach)))],
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

export function printCalls(engine: string, calls: CallResult[]): void {
  console.log(
    `\n${`other calls, ${engine}`.padEnd(28)}${['a second', 'p50 ms', 'p95', 'p99'].map((text) => text.padStart(10)).join('')}`,
  );
  for (const { call, perSecond, p50, p95, p99 } of calls)
    console.log(
      `${call.padEnd(28)}${[perSecond, p50, p95, p99].map((value) => value.toFixed(1).padStart(10)).join('')}`,
    );
}

export function printSizes(sizes: SizeResult[]): void {
  console.log(`\n${'case'.padEnd(28)}${'store'.padEnd(12)}${'credentials'.padEnd(18)}  rate × p99 ×`);
  for (const one of sizes) {
    const ratios = `${one.throughputRatio.toFixed(2).padStart(6)} ${one.p99Ratio.toFixed(2).padStart(6)}`;
    console.log(`${one.case.padEnd(28)}${one.engine.padEnd(12)}${one.credentials.join(' → ').padEnd(18)}${ratios}`);
  }
}
