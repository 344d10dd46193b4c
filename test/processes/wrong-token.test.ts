import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { pathsOf } from '../../src/config.ts';
import { initSandbox } from '../../src/processes/init.ts';
import { freePort } from '../helpers/sandbox.ts';
import { shortDirectory } from '../helpers/temp.ts';
import { makeSignerToken } from '../helpers/watched-token.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

t.test('another token under the right label: nothing starts, and the reason is named (exit code 78)', async (t) => {
  const directory = join(shortDirectory(t), 'd');
  const config = await initSandbox(directory, { port: await freePort(), store: { engine: 'sqlite' } });
  const other = await makeSignerToken(t);
  const paths = pathsOf(config);
  writeFileSync(join(paths.secrets, 'signer.pin'), other.pin());
  const objects = join(paths.token('signer'), 'tokens');
  rmSync(objects, { recursive: true });
  cpSync(join(other.directory, 'tokens'), objects, { recursive: true });
  execFileSync('chown', ['-R', `--reference=${paths.token('signer')}`, objects]);
  const command = ['-i', `PATH=${process.env.PATH}`, process.execPath, main, 'serve', '--dir', directory];
  const served = spawnSync('env', command, { encoding: 'utf8', timeout: 60_000 });
  t.match(served.stderr, /this is not the token of this store: its attestation key is another one/);
  t.match(served.stderr, /"process ended","name":"signer","code":78/);
  t.equal(served.status, 78);
});
