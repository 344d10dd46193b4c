import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { operatorPeer } from '../../src/cli/operator.ts';
import { cscClient, signPdf } from '../../src/client/index.ts';
import { pathsOf } from '../../src/config.ts';
import { certificatePem } from '../../src/pki/pem.ts';
import { readCertificate } from '../../src/pki/read.ts';
import { sample } from '../client/documents.ts';
import { startSandbox } from '../helpers/sandbox.ts';
import { shortDirectory } from '../helpers/temp.ts';

const run = promisify(execFile);

async function said(command: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const done = await run(command, args, { env }).catch((error) => error as { stdout: string; stderr: string });
  return `${done.stdout}${done.stderr}`;
}

t.test(
  'S79: outside tools follow the addresses in a certificate, and see its revocation within a second',
  async (t) => {
    const sandbox = await startSandbox(t);
    const person = await sandbox.newPerson(['EC-P256']);
    const { holder, credentialIDs } = person;
    const client = cscClient({ baseUrl: sandbox.csc });
    const pdf = await signPdf(sample, {
      ...{ client, level: 'B-B', userID: holder.userID, password: holder.password },
      credentialID: credentialIDs[0]!,
      ...{ askPIN: () => holder.pin, askOTP: () => person.nextCode() },
    });
    const directory = shortDirectory(t);
    const file = (name: string) => join(directory, name);
    writeFileSync(file('signed.pdf'), pdf);
    const root = pathsOf(sandbox.config).rootCertificate;

    // NSS as pdfsig uses it: it asks by GET, at the address that the certificate names.
    const trust = file('nss');
    mkdirSync(trust);
    await run('certutil', ['-N', '-d', `sql:${trust}`, '--empty-password']);
    await run('certutil', ['-A', '-d', `sql:${trust}`, '-n', 'root', '-t', 'C,C,C', '-i', root]);
    const pdfsig = () => said('pdfsig', '-nssdir', `sql:${trust}`, file('signed.pdf'));
    const before = await pdfsig();
    t.match(before, /Signature is Valid/);
    t.match(before, /Certificate is Trusted/);

    const token = (await client.login(holder.userID, holder.password)).accessToken;
    const { cert } = await client.credentialsInfo(token, credentialIDs[0]!);
    const [own, issuer] = (cert.certificates ?? []).map((der) => Buffer.from(der));
    writeFileSync(file('own.pem'), certificatePem(own!));
    writeFileSync(file('issuer.pem'), certificatePem(issuer!));
    const text = await said('openssl', 'x509', '-in', file('own.pem'), '-noout', '-ocsp_uri');
    const address = text.trim();
    t.equal(address, `${sandbox.baseUrl}/pki/ocsp`);
    const asked = ['ocsp', '-url', address, '-issuer', file('issuer.pem'), '-cert', file('own.pem'), '-CAfile', root];
    const status = async (...nonce: string[]) =>
      said('openssl', ...asked, ...nonce, '-verify_other', file('issuer.pem'));
    for (const nonce of [[], ['-no_nonce']]) t.match(await status(...nonce), /: good\n[\s\S]*Response verify OK/);

    const ca = await operatorPeer(sandbox.config, 'ca');
    t.teardown(() => ca.close());
    const target = { serialNumber: readCertificate(own!).serialNumber };
    await ca.call('certificate.revoke', { target, reason: 'keyCompromise', by: { level: 'operator', name: 'e2e' } });
    const since = performance.now();
    let took = 0;
    // The kept answer is the slower of the two.
    while (took < 5_000 && !/: revoked/.test(await status('-no_nonce'))) took = performance.now() - since;
    t.ok(took < 1_000, `OCSP says revoked after ${Math.round(took)} ms`);
    t.match(await status(), /: revoked\n[\s\S]*Reason: keyCompromise[\s\S]*Response verify OK/);
    t.match(await pdfsig(), /Certificate has been Revoked/, 'a B-B file has nothing that would outlast it');

    const stamp = await said('openssl', 'ts', '-query', '-data', root, '-sha256', '-cert', '-out', file('query'));
    const media = ['-H', 'Content-Type: application/timestamp-query'];
    await said(
      'curl',
      '-sS',
      ...media,
      '--data-binary',
      `@${file('query')}`,
      `${sandbox.baseUrl}/tsa`,
      '-o',
      file('reply'),
    );
    const verify = ['ts', '-verify', '-queryfile', file('query'), '-in', file('reply'), '-CAfile', root];
    t.match(await said('openssl', ...verify), 'Verification: OK', stamp);
  },
);
