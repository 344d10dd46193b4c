import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '..', '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** The targets of a page's links, without those that lead to other machines. */
const linksOf = (text: string) =>
  [...text.replace(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target));

/** GitHub's name for a heading. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
const anchorsOf = (file: string) => [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading!));

const pages = ['README.md', ...['docs', 'bench'].flatMap(pagesBelow)];
function pagesBelow(folder: string): string[] {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.md')).map((file) => join(folder, file));
}

t.test('S96: no link of the documents is dead', async (t) => {
  for (const page of pages) {
    const links = linksOf(read(page));
    const dead = links.filter((link) => {
      const [path = '', heading] = link.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      return !existsSync(join(root, file)) || (heading !== undefined && !anchorsOf(file).includes(heading));
    });
    t.same(dead, [], `${page}: ${links.length} links`);
  }
});

t.test('S96: each requirement is shown by tests that name it, or said not to be', async (t) => {
  const rows = [...read('docs/security.md').matchAll(/^\| S(\d+) \| (.+) \| (.*) \| (.*) \|$/gm)];
  const numbers = rows.map(([, number]) => Number(number));
  t.same(
    numbers,
    Array.from({ length: 96 }, (_, index) => index + 1),
    'S1 to S96, each once',
  );
  for (const [, number, , shown = '', missing = ''] of rows) {
    const tests = linksOf(shown);
    for (const test of tests) {
      const file = join('docs', test);
      const named = existsSync(join(root, file)) && new RegExp(`\\bS${number}\\b`).test(read(file));
      t.ok(named && /^test\/.*\.test\.ts$/.test(file), `S${number} in ${file}`);
    }
    const unbuilt = /^not built yet \(issue: (CA|request desk|admin API|OAuth|audit log)\)$/.test(missing);
    t.equal(unbuilt, tests.length === 0, `S${number}: shown, or not built`);
  }
});
