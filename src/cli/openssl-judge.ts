import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KysoError } from '../base/errors.ts';
import { certificatePem } from '../pki/pem.ts';

/** An authority's certificate, DER; a root's issuer is itself. */
export type JudgedAuthority = { id: string; issuer: string; certificate: Buffer };

/** openssl's word on certificates and CRLs: another implementation than the one that made them. */
export type OpensslJudge = {
  /** For each certificate (DER), below one of the authorities: undefined when it is good, or what openssl says. */
  certificates(of: Map<string, Buffer>): Promise<Map<string, string>>;
  /** The serial numbers (upper-case hex) in a CRL (DER) that `authority` must have signed, or what is wrong with it. */
  crl(crl: Buffer, authority: string): Promise<Set<string> | string>;
  /** Removes what it wrote. */
  close(): void;
};

/** A judge with these authorities as its trust. @throws KysoError configuration — openssl is missing */
export async function opensslJudge(authorities: readonly JudgedAuthority[]): Promise<OpensslJudge> {
  const directory = mkdtempSync(join(tmpdir(), 'kyso-check-'));
  const file = (name: string) => join(directory, name);
  const bundle = (some: readonly JudgedAuthority[]) =>
    some.map(({ certificate }) => certificatePem(certificate)).join('');
  writeFileSync(file('roots.pem'), bundle(authorities.filter(({ id, issuer }) => id === issuer)));
  writeFileSync(file('others.pem'), bundle(authorities.filter(({ id, issuer }) => id !== issuer)));
  for (const authority of authorities) writeFileSync(file(`${authority.id}.pem`), bundle([authority]));

  return {
    async certificates(of) {
      const [names, wrong] = [[...of.keys()], new Map<string, string>()];
      if (names.length === 0) return wrong; // openssl would read its standard input
      for (const name of names) writeFileSync(file(name), certificatePem(of.get(name)!));
      // What has expired was good in its time.
      const options = ['-x509_strict', '-no_check_time', '-CAfile', 'roots.pem', '-untrusted', 'others.pem'];
      const { output, errors } = await openssl(directory, ['verify', ...options, ...names]);
      const good = new Set(output.split('\n').flatMap((line) => (line.endsWith(': OK') ? [line.slice(0, -4)] : [])));
      for (const name of names) {
        rmSync(file(name));
        if (!good.has(name)) wrong.set(name, reasonIn(errors, name));
      }
      return wrong;
    },
    async crl(crl, authority) {
      writeFileSync(file('crl'), crl);
      const options = ['-inform', 'DER', '-in', 'crl', '-noout', '-text', '-CAfile', `${authority}.pem`];
      const { output, errors } = await openssl(directory, ['crl', ...options]);
      if (!/^verify OK$/m.test(errors)) return `openssl does not verify it with the key of ${authority}`;
      return new Set([...output.matchAll(/^\s+Serial Number: ([0-9A-F]+)$/gm)].map(([, serial]) => serial!));
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** openssl says `error NAME: verification failed` after a line `error N at D depth lookup: WHY`. */
function reasonIn(errors: string, name: string): string {
  const lines = errors.split('\n');
  const at = lines.indexOf(`error ${name}: verification failed`);
  const why = lines.slice(0, Math.max(0, at)).findLast((line) => line.includes('depth lookup'));
  return why ? `openssl says: ${why.replace(/^.*depth lookup: */, '')}` : 'openssl cannot read it';
}

async function openssl(directory: string, args: string[]): Promise<{ output: string; errors: string }> {
  const options = { cwd: directory, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve, reject) => {
    execFile('openssl', args, options, (error, output, errors) => {
      if (error?.code === 'ENOENT')
        reject(new KysoError('configuration', 'openssl is missing: apt-get install openssl'));
      else resolve({ output, errors });
    });
  });
}
