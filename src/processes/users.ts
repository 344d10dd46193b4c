import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The numeric users of the processes, and the group that all are in so that they reach each other's sockets. Private
 * directories are 0700, so the group opens nothing else. They need no entry in /etc/passwd.
 */
export const group = 64_210;
export const users = { api: 64_211, signer: 64_212, ca: 64_213 } as const;
export type ProcessName = keyof typeof users;

/** `production`: each process under a user of its own; `development`: all under one, so the walls between them are thin. */
export type Tier = 'production' | 'development';

const checkout = join(import.meta.dirname, '..', '..');

/** Whether the processes can have users of their own here, and if not, why. */
export function tierFor(directory: string): { tier: Tier; why?: string } {
  if (process.getuid?.() !== 0) return { tier: 'development', why: 'not started as root' };
  const needed = [
    process.execPath,
    join(checkout, 'src', 'main.ts'),
    join(checkout, 'node_modules', 'fastify', 'package.json'),
    directory,
  ];
  const closed = needed.find((path) => !othersReach(path));
  return closed ? { tier: 'development', why: `${closed} is not readable for other users` } : { tier: 'production' };
}

/** True when any user may pass through all parent directories and read the file, or enter the directory. */
function othersReach(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return false;
  const own = stat.isDirectory() ? 0o001 : 0o004;
  if (!(stat.mode & own)) return false;
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    if (!(statSync(parent).mode & 0o001)) return false;
    if (parent === dirname(parent)) return true;
  }
}

/** Makes a directory that only this process's user may enter. */
export function ownDirectory(path: string, owner: ProcessName, tier: Tier): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  if (tier === 'production') chownSync(path, users[owner], group);
}

/** Makes the directory of a process's socket: its user writes, Kyso's group may pass. */
export function socketDirectory(path: string, owner: ProcessName, tier: Tier): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  mkdirSync(path, { recursive: true, mode: 0o750 });
  chmodSync(path, 0o750);
  if (tier === 'production') chownSync(path, users[owner], group);
}

/** Gives all that root made below `path` to the process that will use it. */
export function handOver(path: string, owner: ProcessName, tier: Tier): void {
  if (tier !== 'production') return;
  chownSync(path, users[owner], group);
  if (!lstatSync(path).isDirectory()) return;
  for (const entry of readdirSync(path)) handOver(join(path, entry), owner, tier);
}
