import { chmodSync, lchownSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KysoError } from '../base/errors.ts';
import type { ConfigFile } from '../config.ts';

/**
 * The numeric users of the processes, and the group that all are in so that they reach each other's sockets. Private
 * directories are 0700, so the group opens nothing else. They need no entry in /etc/passwd.
 */
export const group = 64_210;
export const users = { api: 64_211, signer: 64_212, ca: 64_213, notify: 64_214, catcher: 64_215 } as const;
export type ProcessName = keyof typeof users;

/** `production`: each process under a user of its own; `development`: all under one, so the walls between them are thin. */
export type Tier = 'production' | 'development';

const checkout = join(import.meta.dirname, '..', '..');
const processNames = Object.keys(users) as ProcessName[];

/** Whether the processes can have users of their own here, with walls between them, and if not, why. */
export function tierFor(directory: string): { tier: Tier; why?: string } {
  const why =
    process.getuid?.() === 0
      ? (cannotReach(directory) ?? openPlace(directory) ?? foreignPart(directory))
      : 'not started as root';
  return why === undefined ? { tier: 'production' } : { tier: 'development', why };
}

/** What a process that was started alone may claim, as far as it can see: neither root nor the user of another one. */
export function tierAlone(name: ProcessName, directory: string, store: ConfigFile['store']): Tier {
  const uid = process.getuid?.();
  const uids = processNames.filter((other) => other !== name).map((other) => ownerOf(join(directory, other)));
  return uid === undefined || uid === 0 || uids.includes(uid) || sharedRole(store) ? 'development' : 'production';
}

function cannotReach(directory: string): string | undefined {
  const needed = [
    process.execPath,
    join(checkout, 'src', 'main.ts'),
    join(checkout, 'node_modules', 'fastify', 'package.json'),
    directory,
  ];
  const closed = needed.find((path) => !othersReach(path));
  return closed && `${closed} is not readable for other users`;
}

/** Where everybody may write, api could put files of its own in the place of the others'. */
function openPlace(directory: string): string | undefined {
  for (let path = directory; path !== dirname(path); path = dirname(path)) {
    const { mode } = statSync(path);
    if (mode & 0o002 && !(mode & 0o1000)) return `everybody may write in ${path}`;
  }
  return undefined;
}

/** An installation that was made under another user or tier cannot be opened by the processes' own users. */
function foreignPart(directory: string): string | undefined {
  const foreign = processNames.find((name) => {
    const owner = ownerOf(join(directory, name));
    return owner !== undefined && owner !== users[name];
  });
  return foreign && `${join(directory, foreign)} belongs to another user than that of ${foreign}`;
}

/** With one role in the database, each process may read the tables of the others, whatever their users. */
export function sharedRole(store: ConfigFile['store']): string | undefined {
  if (store.engine !== 'postgresql') return undefined;
  // Without a role in the URL it is the name of the system user, which differs.
  const roles = [store.signer, store.ca, store.api, store.notify].flatMap(
    (url) => /^\w+:\/\/([^:@/?]+)[^@/?]*@/.exec(url)?.[1] ?? [],
  );
  return new Set(roles).size < roles.length ? 'the stores share a role in PostgreSQL' : undefined;
}

const ownerOf = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.uid;

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
  if (tier === 'production') lchownSync(path, users[owner], group);
}

/**
 * Makes the directory of a process's socket: its user writes, Kyso's group may pass.
 * @throws KysoError configuration — somebody else made it first, in a place where everybody may (/tmp)
 */
export function socketDirectory(path: string, owner: ProcessName, tier: Tier): void {
  const run = dirname(path);
  mkdirSync(run, { recursive: true, mode: 0o755 });
  assertNotPlanted(run);
  chmodSync(run, 0o755);
  mkdirSync(path, { recursive: true, mode: 0o750 });
  chmodSync(path, 0o750);
  if (tier === 'production') lchownSync(path, users[owner], group);
}

/** In a directory where everybody may write, only what root or this user made there is what it seems. */
export function assertNotPlanted(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat || !(statSync(dirname(path)).mode & 0o002)) return;
  if (stat.isDirectory() && !(stat.mode & 0o022) && [0, process.getuid?.()].includes(stat.uid)) return;
  throw new KysoError(
    'configuration',
    `${path} was made by another user: remove it, or use a directory with a short path`,
  );
}

/** Gives all that root made below `path` to the process that will use it; links are not followed out of it. */
export function handOver(path: string, owner: ProcessName, tier: Tier): void {
  if (tier !== 'production') return;
  lchownSync(path, users[owner], group);
  if (!lstatSync(path).isDirectory()) return;
  for (const entry of readdirSync(path)) handOver(join(path, entry), owner, tier);
}
