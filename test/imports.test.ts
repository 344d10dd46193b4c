import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import t from 'tap';
import { findFaults } from '../scripts/import-order.ts';

const root = resolve(import.meta.dirname, '..');

function readTree(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return new Map(names.map((name) => [name.replaceAll(sep, '/'), readFileSync(join(folder, name), 'utf8')]));
}

t.test('src keeps the order of import', async (t) => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const files = readTree(join(root, 'src'));
  t.ok(files.has('base/errors.ts'));
  t.same(findFaults(files, new Set(Object.keys(dependencies))), []);
});

/** A tree that breaks nothing; each test below plants one fault in it. */
const sound: Record<string, string> = {
  'base/errors.ts': "import { inspect } from 'node:util';\nexport const errors = inspect({});\n",
  'store/tables.ts':
    "const require = createRequire(import.meta.url);\nconst pg = require('pg') as typeof import('pg');\nexport { pg };\n",
  'store/signer/rows.ts': "import { pg } from '../tables.ts';\n",
  'pki/names.ts': "import 'pkijs';\n",
  'hsm/module.ts': "import * as pkcs11 from 'pkcs11js';\n",
  'hsm/worker.ts': "import './module.ts';\n",
  'ipc/orders.ts': "export type { Errors } from '../base/errors.ts';\n",
  'activation/spend.ts': "import type { Row } from '../store/signer/rows.ts';\n",
  'http/sign.ts': "import {\n  type Order,\n  orders as all,\n} from '../ipc/orders.ts';\n",
  'client/sign.ts': "import names from '../pki/names.ts';\n",
  'cli/help.ts': "const { sign } = await import('../client/sign.ts');\n",
  'processes/api.ts': "import { sign } from '../http/sign.ts';\n",
  'processes/signer.ts': "import '../activation/spend.ts';\nimport '../hsm/worker.ts';\n",
  'processes/supervisor.ts': "import '../base/errors.ts';\n",
  'main.ts': "// import('../nothing')\nimport './cli/help.ts';\nimport './processes/supervisor.ts';\n",
};

function faultsWith(planted: Record<string, string>): string[] {
  return findFaults(new Map(Object.entries({ ...sound, ...planted })), new Set(['pg', 'pkijs', 'pkcs11js', 'fastify']));
}

t.test('the check finds nothing in a sound tree', async (t) => {
  t.same(faultsWith({}), []);
});

const violations: [rule: string, planted: Record<string, string>, fault: string][] = [
  [
    'a room imports none below it',
    { 'base/ids.ts': "import { pg } from '../store/tables.ts';\n" },
    'base/ids.ts must not import store/tables.ts',
  ],
  [
    'a type import counts',
    { 'crypto/seal.ts': "import type { Row } from '../store/signer/rows.ts';\n" },
    'crypto/seal.ts must not import store/signer/rows.ts',
  ],
  [
    'a re-export counts',
    { 'pki/index.ts': "export * from '../hsm/module.ts';\n" },
    'pki/index.ts must not import hsm/module.ts',
  ],
  [
    'an import() counts',
    { 'pki/late.ts': "const hsm = () => import('../hsm/module.ts');\n" },
    'pki/late.ts must not import hsm/module.ts',
  ],
  [
    'only store/ imports a database',
    { 'ca/issue.ts': "import pg from 'pg';\n" },
    'ca/issue.ts must not import pg: only store/ does',
  ],
  [
    'require counts',
    { 'ca/issue.ts': "const pg = require('pg');\n" },
    'ca/issue.ts must not import pg: only store/ does',
  ],
  [
    'only pki/ imports pkijs',
    { 'client/cms.ts': "import { ContentInfo } from 'pkijs';\n" },
    'client/cms.ts must not import pkijs: only pki/ does',
  ],
  [
    'only hsm/ imports pkcs11js',
    { 'ca/token.ts': "import { PKCS11 } from 'pkcs11js/build/x.js';\n" },
    'ca/token.ts must not import pkcs11js: only hsm/ does',
  ],
  [
    'http/ reaches the signer through ipc/',
    { 'http/spend.ts': "import { spend } from '../activation/spend.ts';\n" },
    'http/spend.ts must not import activation/spend.ts',
  ],
  [
    "oauth/ keeps out of the signer's tables",
    { 'oauth/grants.ts': "import { row } from '../store/signer/rows.ts';\n" },
    'oauth/grants.ts must not import store/signer/rows.ts',
  ],
  [
    'client/ keeps out of the server',
    { 'client/orders.ts': "import '../ipc/orders.ts';\n" },
    'client/orders.ts must not import ipc/orders.ts',
  ],
  ['main.ts only starts', { 'main.ts': "import './http/sign.ts';\n" }, 'main.ts must not import http/sign.ts'],
  [
    'api reaches no token, over several files',
    { 'ipc/orders.ts': "import './token.ts';\n", 'ipc/token.ts': "import '../hsm/module.ts';\n" },
    'processes/api.ts reaches pkcs11js: ' +
      'processes/api.ts → http/sign.ts → ipc/orders.ts → ipc/token.ts → hsm/module.ts → pkcs11js',
  ],
  [
    'a token worker reaches no store',
    { 'hsm/module.ts': "import '../store/tables.ts';\n" },
    'hsm/worker.ts reaches store/tables.ts: hsm/worker.ts → hsm/module.ts → store/tables.ts',
  ],
  [
    'the supervisor reaches no store',
    { 'processes/supervisor.ts': "import './signer.ts';\n" },
    'processes/supervisor.ts reaches store/signer/rows.ts: ' +
      'processes/supervisor.ts → processes/signer.ts → activation/spend.ts → store/signer/rows.ts',
  ],
  [
    'no circles',
    { 'ca/a.ts': "import './b.ts';\n", 'ca/b.ts': "import './c.ts';\n", 'ca/c.ts': "import './b.ts';\n" },
    'circle: ca/b.ts → ca/c.ts → ca/b.ts',
  ],
  ['no import of itself', { 'ca/a.ts': "import './a.ts';\n" }, 'circle: ca/a.ts → ca/a.ts'],
  ['no file over 400 lines', { 'ca/long.ts': '\n'.repeat(401) }, 'ca/long.ts has more than 400 lines'],
  [
    'no import of a file that is not there',
    { 'ca/a.ts': "import '../../scripts/x.ts';\n" },
    'ca/a.ts imports ../scripts/x.ts, which does not exist in src',
  ],
  ['no room of no rank', { 'utils/misc.ts': '' }, 'utils/misc.ts is in no known room'],
  [
    'no package that production does not install',
    { 'ca/a.ts': "import t from 'tap';\n" },
    'ca/a.ts imports tap, which is not among the dependencies',
  ],
  [
    'no import that cannot be read',
    { 'ca/a.ts': "import { a /* from */ } from 'x';\n" },
    'ca/a.ts has an import nobody can read',
  ],
  ['no computed import', { 'ca/a.ts': 'await import(name);\n' }, 'ca/a.ts imports what only running it tells'],
  [
    'no require under another name',
    { 'ca/a.ts': 'const load = createRequire(import.meta.url);\n' },
    "ca/a.ts calls createRequire's result by another name than require",
  ],
];

t.test('the check finds each planted fault', async (t) => {
  for (const [rule, planted, fault] of violations) t.ok(faultsWith(planted).includes(fault), rule);
});

t.test('the check asks for the files whose reach it limits', async (t) => {
  const moved = new Map(Object.entries(sound));
  moved.delete('hsm/worker.ts');
  t.ok(findFaults(moved, new Set()).includes('hsm/worker.ts is not there, so what it reaches cannot be checked'));
});
