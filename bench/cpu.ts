import { readdirSync, readFileSync } from 'node:fs';

/** A process of the server under test: CPU in microseconds since its start, resident memory in bytes. */
export type Usage = { pid: number; title: string; cpu: number; memory: number };

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own tick. */
const tick = 10_000;

/** All processes below one, the grandchildren too. */
export function usageBelow(pid: number): Usage[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? read(Number(name)) : []));
  const below = (parent: number): Usage[] =>
    all.flatMap((one) => (one.parent === parent ? [one.usage, ...below(one.usage.pid)] : []));
  return below(pid);
}

function read(pid: number): { parent: number; usage: Usage }[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const title = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
    const cpu = (Number(fields[11]) + Number(fields[12])) * tick;
    const memory = Number(fields[21]) * 4096;
    return [{ parent: Number(fields[1]), usage: { pid, title, cpu, memory } }];
  } catch {
    return []; // it ended while we looked
  }
}

/** What signs: api, signer and every token worker; not notify, ca, the catcher or the supervisor (which starts them). */
export function ofSigning(processes: Usage[]): Usage[] {
  const ca = processes.find(({ title }) => title === 'kyso ca');
  const workersOfCa = ca ? usageBelow(ca.pid).map(({ pid }) => pid) : [];
  return processes.filter(
    ({ pid, title }) =>
      ['kyso api', 'kyso signer'].includes(title) || (title.includes('worker.ts') && !workersOfCa.includes(pid)),
  );
}
