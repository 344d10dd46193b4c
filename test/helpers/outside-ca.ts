import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** An authority that openssl makes, with its OCSP responder and CRL on an HTTP server of this machine. */
export type OutsideCa = {
  /** DER. */
  root: Buffer;
  issuing: Buffer;
  /** A certificate (DER) over a PKCS#10 request (DER), which names OCSP and CRL, or the CRL alone. */
  issue(request: Buffer, options?: { crlOnly?: boolean; days?: string; ca?: boolean; kind?: string }): Buffer;
  /** Revokes so many certificates that nobody has. */
  revokeOthers(count: number): void;
  /** What OCSP and CRL say from now on: `V`, or the reason of a revocation. */
  say(certificate: Buffer, state: 'good' | 'keyCompromise' | 'certificateHold'): void;
  /** What the server does instead of answering, while it is set. */
  instead: ((answer: ServerResponse) => void) | undefined;
  asked: string[];
  /** The bytes of its good answers. */
  answered: Buffer[];
};

/** @param above the basic constraints of its root, where they are others than an authority's without a limit */
export async function outsideCa(t: Test, above = 'CA:TRUE'): Promise<OutsideCa> {
  const directory = mkdtempSync(join(tmpdir(), 'kyso-outside-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const at = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const der = (name: string) => openssl('x509', '-in', name, '-outform', 'DER');
  mkdirSync(at('new'));
  writeFileSync(at('index.txt'), '');
  writeFileSync(at('crlnumber'), '01\n');
  writeFileSync(
    at('ca.cnf'),
    '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\ncertificate=issuing.pem\nprivate_key=issuing.key\n' +
      'default_md=sha256\nunique_subject=no\ndefault_crl_days=1\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n',
  );
  const authority = (constraints: string) =>
    `basicConstraints=critical,${constraints}\nkeyUsage=critical,keyCertSign,cRLSign\n`;
  for (const name of ['root', 'issuing']) {
    writeFileSync(at('authority.ext'), authority(name === 'root' ? above : 'CA:TRUE'));
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`);
    openssl('req', '-new', '-subj', `/O=Outside/CN=${name}`, '-key', `${name}.key`, '-out', `${name}.csr`);
    const signer =
      name === 'root' ? ['-signkey', 'root.key'] : ['-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial'];
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...signer,
      '-days',
      '30',
      '-extfile',
      'authority.ext',
      '-out',
      `${name}.pem`,
    );
  }

  const entries = new Map<string, string>();
  const answers = {
    '/ocsp': (body: Buffer) => {
      writeFileSync(at('request.der'), body);
      openssl(
        ...['ocsp', '-index', 'index.txt', '-CA', 'issuing.pem', '-rsigner', 'issuing.pem', '-rkey', 'issuing.key'],
        ...['-reqin', 'request.der', '-respout', 'response.der', '-nmin', '600'],
      );
      return readFileSync(at('response.der'));
    },
    '/ca.crl': () => {
      openssl('ca', '-config', 'ca.cnf', '-gencrl', '-out', 'crl.pem');
      return openssl('crl', '-in', 'crl.pem', '-outform', 'DER');
    },
  };
  const server = createServer(async (request: IncomingMessage, answer: ServerResponse) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    self.asked.push(request.url ?? '');
    if (self.instead) return self.instead(answer);
    const said = answers[request.url as keyof typeof answers](body);
    self.answered.push(said);
    answer.end(said);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const self: OutsideCa = {
    root: der('root.pem'),
    issuing: der('issuing.pem'),
    instead: undefined,
    asked: [],
    answered: [],
    issue(request, { crlOnly = false, days = '20', ca = false, kind } = {}) {
      writeFileSync(at('subject.csr'), request);
      const ocsp = crlOnly ? '' : `authorityInfoAccess=OCSP;URI:${url}/ocsp\n`;
      const uses = ca ? authority('CA:TRUE') : 'keyUsage=critical,nonRepudiation\n';
      writeFileSync(at('subject.ext'), `${kind ?? uses}crlDistributionPoints=URI:${url}/ca.crl\n${ocsp}`);
      openssl(
        ...['x509', '-req', '-inform', 'DER', '-in', 'subject.csr', '-CA', 'issuing.pem', '-CAkey', 'issuing.key'],
        ...['-CAcreateserial', '-days', days, '-extfile', 'subject.ext', '-out', 'subject.pem'],
      );
      const certificate = der('subject.pem');
      self.say(certificate, 'good');
      return certificate;
    },
    revokeOthers(count) {
      for (let number = 0; number < count; number += 1) {
        const serial = `7F${number.toString(16).toUpperCase().padStart(8, '0')}`;
        entries.set(serial, ['R', '401231235959Z', '260101000000Z', serial, 'unknown', '/CN=x'].join('\t'));
      }
    },
    say(certificate, state) {
      writeFileSync(at('said.der'), certificate);
      const serial = openssl('x509', '-inform', 'DER', '-in', 'said.der', '-noout', '-serial')
        .toString()
        .trim()
        .slice(7);
      const revoked = state === 'good' ? ['V', '401231235959Z', ''] : ['R', '401231235959Z', `260101000000Z,${state}`];
      entries.set(serial, [...revoked, serial, 'unknown', '/CN=x'].join('\t'));
      writeFileSync(at('index.txt'), [...entries.values()].map((line) => `${line}\n`).join(''));
    },
  };
  return self;
}
