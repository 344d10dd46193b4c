import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Compile } from 'typebox/compile';
import { methods } from '../../src/http/csc/methods.ts';
import { cscDocument } from '../../src/http/csc/openapi.ts';
import { post, startApi } from './helpers.ts';

const root = join(import.meta.dirname, '..', '..');
const file = join(root, 'openapi', 'csc-v1.json');

t.test('openapi/csc-v1.json is what the methods say: npm run openapi', async (t) => {
  t.same(JSON.parse(readFileSync(file, 'utf8')), cscDocument(methods, 'https://sign.example.vn'));
});

t.test('it is lint-clean', async (t) => {
  const redocly = join(root, 'node_modules', '.bin', 'redocly');
  const lint = spawnSync(redocly, ['lint', '--config', 'openapi/redocly.yaml', '--max-problems', '20', file], {
    ...{ cwd: root, encoding: 'utf8' },
    env: { PATH: process.env.PATH, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
  });
  const said = `${lint.stdout}${lint.stderr}`;
  t.equal(lint.status, 0, said);
  t.notMatch(said, /warning/i);
});

t.test('each example is one that the schemas take', async (t) => {
  for (const { name, body, docs } of methods) {
    // `digest` is a format of the server's own; the schemas here are checked without formats.
    const plain = JSON.parse(JSON.stringify(body).replaceAll('"format":"digest"', '"minLength":1'));
    t.ok(Compile(plain).Check(docs.example.request), `${name}: request`);
    t.equal(docs.answer !== undefined, docs.example.answer !== undefined, name);
    if (docs.answer) t.ok(Compile(docs.answer).Check(docs.example.answer), `${name}: answer`);
  }
});

t.test('/docs shows it, from this server alone', async (t) => {
  const { app } = await startApi(t);
  const page = await app.inject({ method: 'GET', url: '/docs/' });
  t.equal(page.statusCode, 200);
  t.match(page.headers, { 'content-type': /text\/html/, 'x-content-type-options': 'nosniff', 'x-request-id': /./ });
  const csp = String(page.headers['content-security-policy']);
  t.match(csp, /default-src 'self'/);
  t.notMatch(csp.replace(/script-src[^;]*/, ''), /unsafe-eval/);
  t.notMatch(csp, /https?:/, 'nothing from elsewhere is loaded');
  t.match(page.body, /swagger-ui/i);
  for (const [, path] of page.body.matchAll(/(?:src|href)="\.?\/?([^"]+)"/g)) {
    const url = path!.startsWith('docs') ? `/${path}` : `/docs/${path!.replace(/^\.?\//, '')}`;
    t.equal((await app.inject({ method: 'GET', url })).statusCode, 200, url);
  }
  const shown = (await app.inject({ method: 'GET', url: '/docs/json' })).json();
  t.same(shown.servers, [{ url: 'https://sign.example.vn/csc/v1' }], 'with the address of this server');
  t.same(
    Object.keys(shown.paths),
    methods.map(({ name }) => `/${name}`),
  );
  t.equal((await post(app, '/docs/json', {})).statusCode, 404, 'it only shows');
});
