/**
 * Who may import whom in src/ (docs/architecture.md), checked over the text of the files. Type imports count like any
 * other: a room that only borrows another's types still has to know it.
 */
import { dirname, join } from 'node:path/posix';

/** The rooms of src/ in the order of import: each imports only from itself and from rooms before it. */
export const rooms = [
  'base',
  'crypto',
  'store',
  'audit',
  'pki',
  'hsm',
  'ipc',
  'notify',
  'activation',
  'ca',
  'dossier',
  'oauth',
  'client',
  'http',
  'config.ts',
  'cli',
  'processes',
  'main.ts',
] as const;

/** Rooms that may import less than their place in the order allows. */
const onlyFrom: Record<string, string[]> = {
  'config.ts': ['base'],
  client: ['base', 'crypto', 'pki'],
  'main.ts': ['base', 'config.ts', 'cli', 'processes'],
};

/** What the web side reaches through ipc/ only: paths of src/ that these rooms never import. */
const signerAndCa = ['activation', 'ca', 'dossier', 'hsm', 'store/signer', 'store/ca'];
const neverFrom: Record<string, string[]> = { http: signerAndCa, oauth: signerAndCa };

/** Packages that one room alone imports. */
const packageRooms: Record<string, string> = {
  'drizzle-orm': 'store',
  'better-sqlite3': 'store',
  pg: 'store',
  '@peculiar/x509': 'pki',
  pkijs: 'pki',
  asn1js: 'pki',
  pkcs11js: 'hsm',
};

/** What a process must not load, over however many files. */
const neverReached: Record<string, string[]> = {
  'processes/api.ts': ['hsm', 'pkcs11js'],
  'processes/supervisor.ts': ['store'],
  'hsm/worker.ts': ['store'],
};

const longestFile = 400;

type Imports = { files: string[]; packages: string[] };

/**
 * Finds what breaks the order.
 *
 * @param files text by path below src/, with `/` between folders
 * @param dependencies names of the packages that production installs
 * @returns one sentence per fault, none when all is well
 */
export function findFaults(files: ReadonlyMap<string, string>, dependencies: ReadonlySet<string>): string[] {
  const faults: string[] = [];
  const graph = new Map<string, Imports>();
  for (const [path, text] of files) {
    if (text.split('\n').length - 1 > longestFile) faults.push(`${path} has more than ${longestFile} lines`);
    if (!rooms.some((room) => room === roomOf(path))) faults.push(`${path} is in no known room`);
    graph.set(path, readImports(path, text, faults));
  }
  for (const [path, imports] of graph) {
    for (const target of imports.files) {
      if (!files.has(target)) faults.push(`${path} imports ${target}, which does not exist in src`);
      else if (!mayImport(path, target)) faults.push(`${path} must not import ${target}`);
    }
    for (const name of imports.packages) {
      const room = packageRooms[name];
      if (room && roomOf(path) !== room) faults.push(`${path} must not import ${name}: only ${room}/ does`);
      if (!dependencies.has(name)) faults.push(`${path} imports ${name}, which is not among the dependencies`);
    }
  }
  for (const [start, forbidden] of Object.entries(neverReached)) {
    if (!graph.has(start)) faults.push(`${start} is not there, so what it reaches cannot be checked`);
    for (const [reached, way] of waysFrom(graph, start)) {
      if (forbidden.some((name) => isIn(reached, name))) faults.push(`${start} reaches ${reached}: ${way.join(' → ')}`);
    }
  }
  return [...faults, ...findCircles(graph)];
}

function roomOf(path: string): string {
  return path.split('/', 1)[0] ?? path;
}

function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function mayImport(path: string, target: string): boolean {
  const [from, to] = [roomOf(path), roomOf(target)];
  if (from === to) return true;
  if (neverFrom[from]?.some((folder) => isIn(target, folder))) return false;
  if (onlyFrom[from]) return onlyFrom[from].includes(to);
  const order: readonly string[] = rooms;
  return order.indexOf(to) < order.indexOf(from);
}

const statement =
  /^(?:import|export)\s+(?:type\s+)?(?:[\w$*{][\w\s$*,{}]*?\s)?from\s+(?<from>['"][^'"\n]+['"])|^import\s+(?<effect>['"][^'"\n]+['"])/gm;
const call = /(?<![\w$.])(?:import|require|import\.meta\.resolve)\s*\(\s*(?<argument>['"][^'"\n]+['"]\s*[,)])?/g;
const staticStart = /^import(?![\w$.]|\s*\()|^export\s+(?:type\s+)?(?:\*|\{[^}]*\}\s*from)/gm;
const createsRequire = /\bcreateRequire\s*\(/g;
const namesRequire = /^const require = createRequire\(import\.meta\.url\);$/gm;

/**
 * Reads static imports (which stand at the start of a line), re-exports, `import()` and `require()`. Whatever looks
 * like one and cannot be read is a fault: a check that overlooks imports proves nothing.
 */
function readImports(path: string, text: string, faults: string[]): Imports {
  const code = withoutComments(text);
  const statements = [...code.matchAll(statement)];
  const calls = [...code.matchAll(call)];
  if (statements.length !== [...code.matchAll(staticStart)].length)
    faults.push(`${path} has an import nobody can read`);
  if (calls.some((found) => !found.groups?.argument)) faults.push(`${path} imports what only running it tells`);
  if ([...code.matchAll(createsRequire)].length !== [...code.matchAll(namesRequire)].length)
    faults.push(`${path} calls createRequire's result by another name than require`);

  const specifiers = [
    ...statements.map((found) => found.groups?.from ?? found.groups?.effect ?? ''),
    ...calls.map((found) => found.groups?.argument ?? ''),
  ].flatMap((quoted) => /^['"](.+)['"]/.exec(quoted)?.[1] ?? []);
  const relative = specifiers.filter((name) => name.startsWith('.'));
  return {
    files: [...new Set(relative.map((name) => join(dirname(path), name)))],
    packages: [...new Set(specifiers.filter((name) => !/^(?:\.|node:)/.test(name)).map(packageOf))],
  };
}

/** Comments that fill whole lines, in which `import(…)` may stand for a type; others stay, at worst as a fault. */
function withoutComments(text: string): string {
  return text.replace(/^[ \t]*\/\*[\s\S]*?\*\/[ \t]*$/gm, '').replace(/^[ \t]*\/\/.*$/gm, '');
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Every file and package that loading the start loads, with the shortest way to it. */
function waysFrom(graph: ReadonlyMap<string, Imports>, start: string): Map<string, string[]> {
  const ways = new Map([[start, [start]]]);
  for (const [path, way] of ways) {
    const imports = graph.get(path);
    for (const next of [...(imports?.files ?? []), ...(imports?.packages ?? [])]) {
      if (!ways.has(next)) ways.set(next, [...way, next]);
    }
  }
  ways.delete(start);
  return ways;
}

function findCircles(graph: ReadonlyMap<string, Imports>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  function visit(path: string, way: string[]): void {
    const seen = way.indexOf(path);
    if (seen !== -1) circles.push(`circle: ${[...way.slice(seen), path].join(' → ')}`);
    if (seen !== -1 || done.has(path)) return;
    for (const next of graph.get(path)?.files ?? []) visit(next, [...way, path]);
    done.add(path);
  }
  for (const path of graph.keys()) visit(path, []);
  return circles;
}
