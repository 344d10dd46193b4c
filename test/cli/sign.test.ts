import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { sign as signCommand } from '../../src/cli/sign.ts';
import { prepareOutputs, targetsOf, writeAll } from '../../src/cli/sign-files.ts';
import { withFix } from '../../src/cli/sign-refusals.ts';
import { CscError } from '../../src/client/index.ts';
import { signAlgosOf } from '../../src/crypto/algorithms.ts';
import { createTestPki, newkeys } from '../client/certificates.ts';
import { sample } from '../client/documents.ts';
import { pdfsig } from '../client/judges.ts';
import { type Credential, signingService } from '../client/signing-service.ts';
import { complaintsFromStore, storeOf } from '../client/store-judges.ts';
import { validationServices } from '../client/validation-services.ts';
import { opensslCa } from '../helpers/openssl-ca.ts';
import { refused } from '../helpers/refused.ts';
import { shortDirectory } from '../helpers/temp.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const pki = createTestPki(t);
const ec: Credential = { ...pki.signer(newkeys['EC-P256']), algo: signAlgosOf('EC-P256'), len: 256 };
const lan = ['--user', 'cô.lan', '--level', 'B-B'];

/** With a clean environment, by way of env(1): tap's hooks would come back into Node otherwise. */
const command = (...args: string[]) => ['-i', `PATH=${process.env.PATH}`, process.execPath, main, 'sign', ...args];

/** `kyso sign` as a script runs it, with these lines on standard input. */
async function sign(cwd: string, lines: string[], ...args: string[]) {
  const child = spawn('env', command(...args), { cwd });
  child.stdin.on('error', () => {}); // it may end before it has read all lines
  child.stdin.end(lines.map((line) => `${line}\n`).join(''));
  let [out, said] = ['', ''];
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (said += String(chunk)));
  const [code] = await once(child, 'close');
  return { code, out, said };
}

/** A directory with the sample document under each of these names. */
function documents(t: Test, ...names: string[]): string {
  const directory = shortDirectory(t);
  for (const name of names) writeFileSync(join(directory, name), sample);
  return directory;
}

t.test('one PDF: password, PIN and code from the lines of standard input, in this order', async (t) => {
  const { baseUrl, calls } = await signingService(t, pki, { c1: ec });
  const directory = documents(t, 'giấy.pdf');
  const words = ['--visible', '--name', 'Nguyễn Thị Ánh', '--reason', 'Tôi đồng ý', '--location', 'Huế'];
  const lines = [' mật khẩu ', '12345678', '123456'];
  const run = await sign(directory, lines, 'giấy.pdf', '-o', 'đã ký.pdf', '--url', baseUrl, ...lan, ...words);
  t.match(run, { code: 0, out: 'đã ký.pdf\n' }, run.said);
  t.notMatch(run.said, /mật khẩu |12345678|123456/, 'nothing secret is repeated');

  const signed = readFileSync(join(directory, 'đã ký.pdf'));
  t.match(pdfsig(pki, signed), [/Signature is Valid\./]);
  t.ok(signed.length - sample.length < 40_000, `grows by ${signed.length - sample.length} bytes`);
  t.ok(readFileSync(join(directory, 'giấy.pdf')).equals(sample), 'the document itself stays');
  t.same(readdirSync(directory).sort(), ['giấy.pdf', 'đã ký.pdf'].sort(), 'nothing else is left');

  const basic = `Basic ${Buffer.from('cô.lan: mật khẩu ').toString('base64')}`;
  t.equal(calls.find(({ method }) => method === 'auth/login')?.authorization, basic);
  t.match(calls.find(({ method }) => method === 'credentials/authorize')?.body, { PIN: '12345678', OTP: '123456' });
  t.equal(calls.at(-1)?.method, 'auth/revoke', 'logged out');
});

t.test('many files: one authorization, and each signed copy in --out-dir, which is made', async (t) => {
  const { baseUrl, calls } = await signingService(t, pki, { c1: ec });
  const names = Array.from({ length: 50 }, (_, n) => `đơn-${n}.pdf`);
  const directory = documents(t, ...names);
  const lines = ['p', '12345678', '123456'];
  const { code, out, said } = await sign(directory, lines, ...names, '--out-dir', 'a/b', '--url', baseUrl, ...lan);
  t.equal(code, 0, said);
  t.equal(out, names.map((name) => `a/b/${name}\n`).join(''));
  t.match(said, /prepare 50\n[\s\S]*embed 50\n/, 'progress');
  for (const name of names) t.match(pdfsig(pki, readFileSync(join(directory, 'a/b', name))), [/Signature is Valid\./]);
  const authorizations = calls.filter(({ method }) => method === 'credentials/authorize');
  t.match(authorizations, [{ body: { numSignatures: 50 } }]);
  t.equal(authorizations.length, 1);
});

t.test(
  'B-LT unless --level says otherwise; what cannot be had is said with what to do, and nothing is written',
  async (t) => {
    const services = await validationServices(t);
    const credential = { ...services.signer(newkeys['EC-P256']), algo: signAlgosOf('EC-P256'), len: 256 };
    const { baseUrl, calls } = await signingService(t, services.pki, { c1: credential });
    const directory = documents(t, 'a.pdf');
    const args = ['a.pdf', '--url', baseUrl, '--user', 'lan', '--tsa', services.tsa];
    const lines = ['p', '12345678', '123456'];
    const run = await sign(directory, lines, ...args, '-o', 'lt.pdf');
    t.equal(run.code, 0, run.said);
    t.match(run.said, /• timestamp 1\n• embed 1\n• validation data 1\n/);
    t.same(complaintsFromStore(readFileSync(join(directory, 'lt.pdf'))), []);
    t.equal((await sign(directory, lines, ...args, '-o', 't.pdf', '--level', 'b-t')).code, 0);
    t.equal(storeOf(readFileSync(join(directory, 't.pdf'))), undefined);

    services.plant['/tsa'] = () => 503;
    const without = await sign(directory, lines, ...args, '-o', 'x.pdf');
    const noTimestamp =
      /không lấy được dấu thời gian \/ there is no timestamp: .*\/tsa answered with HTTP 503.*--tsa URL.*--level B-B/;
    t.match(without, { code: 1, out: '', said: noTimestamp });
    services.plant['/ocsp'] = () => 503;
    const authorized = () => calls.filter(({ method }) => method === 'credentials/authorize').length;
    const before = authorized();
    const unknown = await sign(directory, lines, ...args, '-o', 'x.pdf');
    const noStatus =
      /trạng thái của chứng thư \/ the status of a certificate cannot be had: .*\/ocsp answered.*--level B-T/;
    t.match(unknown, { code: 1, out: '', said: noStatus });
    t.equal(authorized(), before, 'nobody was asked for a PIN');
    t.same(readdirSync(directory).sort(), ['a.pdf', 'lt.pdf', 't.pdf']);
  },
);

t.test('one bad file stops all before anybody is asked for a PIN, and is named', async (t) => {
  const { baseUrl, calls } = await signingService(t, pki, { c1: ec });
  const directory = documents(t, 'tốt.pdf');
  writeFileSync(join(directory, 'hỏng.pdf'), 'x');
  const both = ['tốt.pdf', 'hỏng.pdf', '--out-dir', 'out', '--url', baseUrl, ...lan];
  const run = await sign(directory, ['p'], ...both);
  t.match(run, { code: 1, out: '', said: /hỏng\.pdf: This is not a PDF/ });
  t.notMatch(run.said, 'PIN');
  t.notOk(calls.some(({ method }) => method === 'credentials/authorize'));
  t.same(readdirSync(join(directory, 'out')), []);
  const missing = signCommand([join(directory, 'không có.pdf'), '-o', 'x.pdf', '--url', baseUrl, ...lan]);
  await t.rejects(missing, { kind: 'document', message: /không có\.pdf cannot be read \(ENOENT\)/ });
});

t.test('of several credentials, one is asked for; a code that comes by e-mail is sent first', async (t) => {
  const online = { OTP: { presence: 'true', type: 'online' }, description: 'Khóa\u001b[31m của cô Lan' };
  const { baseUrl, calls } = await signingService(t, pki, { c1: ec, c2: { ...ec, info: online } });
  const directory = documents(t, 'a.pdf');
  const args = ['a.pdf', '-o', 'b.pdf', '--url', baseUrl, ...lan];
  const chosen = await sign(directory, ['p', '2', '12345678', '123456'], ...args);
  t.equal(chosen.code, 0, chosen.said);
  t.match(chosen.said, /1 {2}c1[\s\S]*2 {2}c2 {2}Khóa \[31m của cô Lan, e-mail\n/);
  const asked = calls.map(({ method }) => method);
  t.ok(asked.indexOf('credentials/sendOTP') < asked.indexOf('credentials/authorize'));
  t.match(calls.find(({ method }) => method === 'credentials/authorize')?.body, { credentialID: 'c2' });

  t.match(await sign(directory, ['p', '3'], ...args), { code: 1, said: /no credential 3: choose 1–2/ });
  const named = await sign(directory, ['p'], ...args, '--credential', 'c1');
  t.match(named, { code: 1, said: /no line of input is left for: Mã PIN/ }, 'no choice is asked for');
});

t.test('S29: what the service refuses is said with what to do, without its control characters', async (t) => {
  const refusal = { error: 'invalid_request', error_description: 'PIN locked' };
  const { baseUrl } = await signingService(t, pki, { c1: ec }, ({ method }) =>
    method === 'credentials/authorize' ? { status: 400, body: refusal } : undefined,
  );
  const directory = documents(t, 'a.pdf');
  const run = await sign(directory, ['p', '12345678', '1'], 'a.pdf', '-o', 'b.pdf', '--url', baseUrl, ...lan);
  t.match(run, { code: 1, out: '', said: /mã PIN đang bị khóa/ });
  t.same(readdirSync(directory), ['a.pdf'], 'nothing was written');

  const said = (error?: string, description?: string) =>
    withFix(new CscError('credentials/authorize', 400, error, description));
  t.match(said('invalid_pin', 'The PIN is invalid'), { message: /^sai mã PIN \/ the PIN is wrong \(/ });
  t.match(said('server_error', 'no\u001b]0;title\u0007 way'), { message: /was refused: no \]0;title {2}way/ });
  const connection = Object.assign(new Error(), { code: 'ECONNREFUSED' });
  const unreachable = new KysoError('unavailable', 'no answer', {
    cause: new TypeError('fetch failed', { cause: connection }),
  });
  t.match(withFix(unreachable), { kind: 'unavailable', message: /check --url/ });
  const other = new Error('some other');
  t.equal(withFix(other), other);
});

t.test('a private certification authority is trusted with --ca, and only then', async (t) => {
  const directory = documents(t, 'a.pdf');
  const ca = opensslCa(directory);
  writeFileSync(join(directory, 'ca.pem'), ca.root);
  const { certificate, key } = ca.server('server', { names: 'IP:127.0.0.1' });
  const tls = { cert: readFileSync(certificate), key: readFileSync(key) };
  const { baseUrl } = await signingService(t, pki, { c1: ec }, undefined, tls);
  const args = ['a.pdf', '-o', 'b.pdf', '--url', baseUrl, ...lan];
  const lines = ['p', '12345678', '123456'];
  t.match(await sign(directory, lines, ...args), { code: 1, said: /is not trusted: --ca FILE/ });
  const run = await sign(directory, lines, ...args, '--ca', 'ca.pem');
  t.equal(run.code, 0, run.said);
});

t.test('wrong usage: exit code 2, a sentence, and nothing is asked', async (t) => {
  const directory = documents(t, 'a.pdf');
  await t.rejects(signCommand(['a.pdf', '--unknown']), { code: /^ERR_PARSE_ARGS/ });
  const missing = await sign(directory, [], 'a.pdf');
  t.match(missing, { code: 2, out: '', said: /where to\?/ });
  t.notMatch(missing.said, 'Password');

  const url = ['--url', 'https://kyso.example/csc/v1'];
  for (const [args, sentence] of [
    [['-o', 'b.pdf', ...url, ...lan], /which PDF/],
    [['a.pdf', 'b.pdf', '-o', 'b.pdf', ...url, ...lan], /--out-dir/],
    [['a.pdf', '-o', 'b.pdf', '--out-dir', 'x', ...url, ...lan], /where to\?/],
    [['a.pdf', '-o', 'b.pdf', ...lan], /which service\?/],
    [['a.pdf', '-o', 'b.pdf', ...url], /who signs\?/],
    [['a.pdf', '-o', 'b.pdf', '--url', 'http://kyso.example/csc/v1', ...lan], /https:/],
    [['a.pdf', '-o', 'b.pdf', ...url, ...lan, '--visible', 'page:1,2'], /page:N,X,Y/],
    [['a.pdf', '-o', 'b.pdf', ...url, ...lan, '--visible', '--field', 'F'], /leave out --visible/],
    [['a.pdf', '-o', 'b.pdf', ...url, ...lan, '--level', 'B-LTA'], /--level is one of B-B, B-T, B-LT/],
    [['a.pdf', '-o', 'b.pdf', ...url, ...lan, '--tsa', 'http://tsa.example'], /leave out --tsa/],
    [['a.pdf', '-o', 'b.pdf', ...url, '--user', 'lan', '--tsa', 'tsa.example'], /http:\/\/… or https/],
    [['a.pdf', '-o', 'b.pdf', ...url, ...lan, '--ca', 'none.pem'], /none\.pem/],
  ] as const) {
    const written = t.capture(process.stderr, 'write', () => true);
    const code = await signCommand([...args]);
    const said = written().map((call) => String(call.args[0]));
    t.equal(code, 2, args.join(' '));
    t.match(said.join(''), sentence);
  }
});

t.test('a signed copy never takes the place of a document to sign, or of another copy', async (t) => {
  const directory = documents(t, 'a.pdf');
  mkdirSync(join(directory, 'other'));
  writeFileSync(join(directory, 'other', 'a.pdf'), sample);
  symlinkSync('.', join(directory, 'here'));
  symlinkSync('other/a.pdf', join(directory, 'link.pdf'));
  const at = (name: string) => join(directory, name);
  for (const [what, inputs, output, outDir] of [
    ['the same name', ['a.pdf'], 'a.pdf'],
    ['the same file by another way', ['a.pdf'], 'other/../a.pdf'],
    ['through a linked directory', ['a.pdf'], undefined, 'here'],
    ['what a document links to', ['link.pdf'], 'other/a.pdf'],
    ['a document further on', ['other/a.pdf', 'a.pdf'], undefined, 'here'],
    ['two of one name', ['a.pdf', 'other/a.pdf'], undefined, 'out'],
  ] as const) {
    t.throws(
      () => targetsOf(inputs.map(at), output && at(output), outDir && at(outDir)),
      refused('configuration'),
      what,
    );
  }
  t.same(targetsOf([at('a.pdf')], undefined, at('other/new')), [{ input: at('a.pdf'), output: at('other/new/a.pdf') }]);
});

t.test('all signed copies are written, or none', async (t) => {
  const directory = documents(t, 'a.pdf');
  writeFileSync(join(directory, 'out.pdf'), 'an older copy');
  const target = (output: string) => ({ input: join(directory, 'a.pdf'), output: join(directory, output) });
  const signed = [Buffer.from('one'), Buffer.from('two')];
  const refusal = { kind: 'configuration', message: /gone\/b\.pdf cannot be written \(ENOENT\)/ };
  t.throws(() => writeAll([target('out.pdf'), target('gone/b.pdf')], signed), refusal);
  t.same(readdirSync(directory).sort(), ['a.pdf', 'out.pdf'], 'nothing is left over');
  t.equal(readFileSync(join(directory, 'out.pdf'), 'utf8'), 'an older copy');
  writeAll([target('out.pdf'), target('b.pdf')], signed);
  t.equal(readFileSync(join(directory, 'out.pdf'), 'utf8'), 'one');
  t.equal(readFileSync(join(directory, 'b.pdf'), 'utf8'), 'two');

  mkdirSync(join(directory, 'folder'));
  t.throws(() => prepareOutputs([target('folder')]), { kind: 'configuration', message: /use --out-dir/ });
  t.throws(() => prepareOutputs([target('a.pdf/b.pdf')]), { kind: 'configuration', message: /cannot be written/ });
  prepareOutputs([target('new/deep/b.pdf')]);
  t.same(readdirSync(join(directory, 'new')), ['deep']);
});

t.test('on a terminal nothing secret is shown while it is typed', async (t) => {
  const { baseUrl, calls } = await signingService(t, pki, { c1: ec });
  const directory = documents(t, 'a.pdf');
  const typed = `env ${command('a.pdf', '-o', 'b.pdf', '--url', baseUrl, ...lan).join(' ')}`;
  const terminal = spawn('script', ['--quiet', '--return', '--command', typed, '/dev/null'], { cwd: directory });
  const answers: [question: string, answer: string][] = [
    ['Password: ', 'sai\u007f\u007f\u007fmật khẩu\r'],
    ['PIN: ', '12345678\r'],
    ['code: ', '654321\r'],
  ];
  let shown = '';
  terminal.stdout.on('data', (chunk) => {
    shown += String(chunk);
    const [next] = answers;
    if (next && shown.endsWith(next[0])) terminal.stdin.write(answers.shift()![1]);
  });
  const [code] = await once(terminal, 'close');
  t.equal(code, 0, shown);
  t.match(shown, /Mật khẩu của cô\.lan \/ Password: \r\n[\s\S]*Mã PIN \/ PIN: \r\n/);
  t.notMatch(shown, /mật khẩu|12345678|654321/);
  const basic = `Basic ${Buffer.from('cô.lan:mật khẩu').toString('base64')}`;
  t.equal(calls.find(({ method }) => method === 'auth/login')?.authorization, basic);
  t.match(pdfsig(pki, readFileSync(join(directory, 'b.pdf'))), [/Signature is Valid\./]);
});
