import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** A private PostgreSQL cluster from Debian's package, on a unix socket only. `url()` makes a fresh database. */
export type Cluster = {
  url(): Promise<string>;
  /** Ends the server as a crash does, and starts it again. */
  crash(): Promise<void>;
  stop(): Promise<void>;
};

export async function startPostgresql(): Promise<Cluster> {
  const bin = binaries();
  const directory = mkdtempSync(join(tmpdir(), 'kyso-pg-'));
  // PostgreSQL refuses to run as root; Debian's package brings a user of its own.
  const asUser = userInfo().uid === 0 ? idsOf('postgres') : {};
  if ('uid' in asUser) {
    execFileSync('chown', ['postgres:', directory]);
    chmodSync(directory, 0o755);
  }
  const data = join(directory, 'data');
  const options = { ...asUser, env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' }, cwd: directory };
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'kyso', '-A', 'trust', '-E', 'UTF8', '--no-sync'], {
    ...options,
    stdio: 'pipe',
  });
  const settings = ['listen_addresses=', `unix_socket_directories=${directory}`, 'max_connections=200'];
  const command = [join(bin, 'postgres'), '-D', data, ...settings.flatMap((setting) => ['-c', setting])];
  // The shell waits for the end of its input, which comes with the end of this process, however that ends.
  const start = () =>
    spawn('sh', ['-c', '"$@" & read _; kill -INT $!; wait', 'sh', ...command], {
      ...options,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
  let server = start();
  const socketUrl = (database: string) => `postgresql://kyso@/${database}?host=${encodeURIComponent(directory)}`;
  await untilReady(socketUrl('postgres'));

  /** Also of one that crashed: the shell around it ends with its input. */
  async function stop(): Promise<void> {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.stdin.end();
    await ended;
  }

  let databases = 0;
  return {
    async url() {
      databases += 1;
      const client = new pg.Client({ connectionString: socketUrl('postgres') });
      await client.connect();
      await client.query(`CREATE DATABASE kyso_${databases}`);
      await client.end();
      return socketUrl(`kyso_${databases}`);
    },
    async crash() {
      const [postmaster] = readFileSync(join(data, 'postmaster.pid'), 'latin1').split('\n');
      process.kill(Number(postmaster), 'SIGQUIT');
      await stop();
      server = start();
      await untilReady(socketUrl('postgres'));
    },
    async stop() {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function binaries(): string {
  const root = '/usr/lib/postgresql';
  const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  if (!versions[0]) throw new Error('no PostgreSQL server under /usr/lib/postgresql: apt-get install postgresql');
  return join(root, versions[0], 'bin');
}

function idsOf(user: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function untilReady(connectionString: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const client = new pg.Client({ connectionString });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await delay(100);
    }
  }
}
