import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openssl } from './authority.ts';

/** PEM files of a server: its certificate with the issuing one behind it, and its key. */
export type ServerFiles = { certificate: string; key: string };

export type TestCa = {
  /** The root, PEM: what a client trusts. */
  root: string;
  /** A certificate of this CA's issuing authority, e.g. `DNS:a.example, IP:127.0.0.1`. */
  server(name: string, options: { names: string; key?: 'EC' | 'RSA' | 'RSA-1024'; days?: string }): ServerFiles;
};

const keyArguments = {
  EC: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  RSA: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  'RSA-1024': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
};

/** A root, an issuing authority below it, and servers' certificates, all made by the openssl command in `directory`. */
export function opensslCa(directory: string): TestCa {
  const at = (name: string) => join(directory, name);
  const makeKey = (name: string, kind: keyof typeof keyArguments) =>
    openssl('genpkey', ...keyArguments[kind], '-out', at(`${name}.key`));
  const issue = (name: string, issuer: string | undefined, extensions: string, days: string[]) => {
    writeFileSync(at(`${name}.ext`), extensions);
    openssl('req', '-new', '-subj', `/CN=${name}`, '-key', at(`${name}.key`), '-out', at(`${name}.csr`));
    const signer = issuer
      ? ['-CA', at(`${issuer}.pem`), '-CAkey', at(`${issuer}.key`), '-CAcreateserial']
      : ['-signkey', at(`${name}.key`)];
    openssl(
      ...['x509', '-req', '-in', at(`${name}.csr`), ...signer, ...days],
      ...['-extfile', at(`${name}.ext`), '-out', at(`${name}.pem`)],
    );
  };
  for (const name of ['root', 'issuing']) makeKey(name, 'EC');
  const authority = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n';
  issue('root', undefined, authority, ['-days', '30']);
  issue('issuing', 'root', authority, ['-days', '30']);

  return {
    root: readFileSync(at('root.pem'), 'utf8'),
    server(name, { names, key = 'EC', days = '10' }) {
      makeKey(name, key);
      issue(name, 'issuing', `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`, ['-days', days]);
      const chain = at(`${name}.chain.pem`);
      writeFileSync(chain, readFileSync(at(`${name}.pem`), 'utf8') + readFileSync(at('issuing.pem'), 'utf8'));
      return { certificate: chain, key: at(`${name}.key`) };
    },
  };
}
