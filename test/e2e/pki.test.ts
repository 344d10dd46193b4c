import { execFile, execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { crlEntries, readCrl } from '../../src/pki/crl-reader.ts';
import { callRaw, type Person, type Sandbox, startSandbox } from '../helpers/sandbox.ts';
import { shortDirectory } from '../helpers/temp.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const run = promisify(execFile);

/** `kyso ca …` as an operator types it. */
async function kyso({ config }: Sandbox, ...args: string[]): Promise<string> {
  const command = ['-i', `PATH=${process.env.PATH}`, process.execPath, main, 'ca', ...args, '--dir', config.directory];
  const { stdout, stderr } = await run('env', command).catch((error) => error as { stdout: string; stderr: string });
  return stdout + stderr;
}

const hashes = ['good', 'held', 'revoked'].map((text) => createHash('sha256').update(text).digest('base64'));

/** What a holder authorized once for all three hashes; `sign` answers with the status of one signature. */
async function authorize({ csc }: Sandbox, person: Person) {
  const token = await person.login();
  const [credentialID = ''] = person.credentialIDs;
  const asked = { credentialID, numSignatures: 3, hash: hashes, PIN: person.holder.pin, OTP: await person.nextCode() };
  const { SAD } = (await callRaw(`${csc}/credentials/authorize`, token, asked)).body;
  const signAlgo = '1.2.840.10045.4.3.2';
  return async (n: number) =>
    (await callRaw(`${csc}/signatures/signHash`, token, { credentialID, SAD, hash: [hashes[n]], signAlgo })).status;
}

/** Where a certificate says that its CRL is, as openssl reads it. */
function pointOf(file: string): string {
  const text = execFileSync('openssl', ['x509', '-in', file, '-noout', '-ext', 'crlDistributionPoints'], {
    encoding: 'utf8',
  });
  return /URI:(\S+)/.exec(text)?.[1] ?? '';
}

t.test('the status of a certificate as outside tools find it, from its first minute on', async (t) => {
  const sandbox = await startSandbox(t);
  const { file, csc } = sandbox;
  const directory = shortDirectory(t);
  const write = (name: string, content: string | Buffer) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const person = await sandbox.newPerson();
  const [credentialID = ''] = person.credentialIDs;
  const token = await person.login();
  const info = await callRaw(`${csc}/credentials/info`, token, { credentialID, certificates: 'chain' });
  const chain: string[] = info.body.cert.certificates;
  const pems = chain.map((der) => new X509Certificate(Buffer.from(der, 'base64')).toString());
  const files = pems.map((pem, n) => write(`${n}.pem`, pem));
  const [leaf = '', issuing = ''] = files;
  const root = write('root.pem', file.caCertificate);
  const fetched = async (url: string) => Buffer.from(await (await fetch(url)).arrayBuffer());
  const point = pointOf(leaf);

  /** openssl's whole judgement, with CRLs from where the certificates say. */
  async function judged(): Promise<string> {
    const crls = await Promise.all([leaf, issuing].map(async (each) => fetched(pointOf(each))));
    const all = crls.map(
      (crl) =>
        `-----BEGIN X509 CRL-----\n${crl.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END X509 CRL-----\n`,
    );
    const options = ['-x509_strict', '-crl_check_all', '-CRLfile', write('all.crl', all.join(''))];
    const { stdout, stderr } = await run('openssl', [
      ...['verify', ...options, '-CAfile', root, '-untrusted', issuing, leaf],
    ]).catch((error) => error as { stdout: string; stderr: string });
    return stdout + stderr;
  }
  const serials = async () => [...crlEntries(readCrl(await fetched(point)))].map(({ serialNumber }) => serialNumber);
  const { serialNumber } = new X509Certificate(readFileSync(leaf));
  /** Milliseconds until the CRL has, or no longer has, the certificate. */
  async function untilListed(listed: boolean): Promise<number> {
    const start = performance.now();
    while ((await serials()).includes(serialNumber) !== listed) {
      if (performance.now() - start > 60_000) throw new Error('not within a minute');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return performance.now() - start;
  }

  t.match(point, new RegExp(`^${file.baseUrl}/pki/crl/issuing-ec-1/1\\.crl$`));
  t.ok(file.pki.crl.includes(point), 'sandbox.json names it');
  await untilListed(false);
  t.match(await judged(), /0\.pem: OK/, 'good');
  const sign = await authorize(sandbox, person);
  t.equal(await sign(0), 200);

  t.match(await kyso(sandbox, 'hold', serialNumber, '--reason', 'deviceLost', '--by', 'officer:o-1'), /on hold/);
  t.ok((await untilListed(true)) < 60_000);
  t.match(await judged(), /error 23 at 0 depth lookup: certificate revoked/, 'on hold');
  t.equal(await sign(1), 400);
  t.match(await kyso(sandbox, 'release', credentialID, '--by', 'subscriber:s-1'), /held by the officer/);
  t.match(await kyso(sandbox, 'release', credentialID, '--by', 'officer:o-2'), /good/);
  await untilListed(false);
  t.match(await judged(), /0\.pem: OK/, 'released');
  t.equal(await sign(1), 200, 'what was authorized before is signed');

  const said = await kyso(sandbox, 'revoke', credentialID, '--reason', 'keyCompromise', '--by', 'officer:o-1');
  const revokedAt = performance.now();
  t.match(said, new RegExp(`^${serialNumber} .*revoked`));
  await new Promise((resolve) => setTimeout(resolve, 900));
  t.equal(await sign(2), 400, 'within a second nothing is signed any more');
  await untilListed(true);
  const listed = performance.now() - revokedAt;
  t.ok(listed < 60_000, `in the CRL after ${Math.round(listed)} ms`);
  t.match(await judged(), /error 23 at 0 depth lookup: certificate revoked/, 'revoked');
  const list = await kyso(sandbox, 'certificates', '--credential', credentialID);
  t.match(list, new RegExp(`^${serialNumber} .* revoked .*keyCompromise, officer.* CRL issuing-ec-1/1`));
  t.match(await kyso(sandbox, 'crls'), /issuing-ec-1\/1\.crl {2}1 of \d+ revoked/);
  const health = (await (await fetch(`${file.baseUrl}/health/ready`)).json()) as { ca: { crl: unknown } };
  t.match(health.ca.crl, { ok: true, late: 0 });
});
