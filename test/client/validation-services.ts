import { X509Certificate } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createTestPki, type TestPki, type TestSigner } from './certificates.ts';

/**
 * What is answered in the stead of openssl: bytes, an HTTP status, or `undefined` for a connection that is cut. `right` is
 * what openssl would answer, to this question or another.
 */
export type Planted = (asked: Buffer, right: (question?: Buffer) => Buffer) => Buffer | number | undefined;

/** A certification authority whose certificates name what runs here: OCSP, CRL, certificates; and a time-stamping authority. */
export type ValidationServices = {
  pki: TestPki;
  base: string;
  tsa: string;
  /** A person's certificate, known to the OCSP responder as good. */
  signer(newkey: string): TestSigner;
  revoke(certificate: Uint8Array): void;
  /** The paths that were asked, in order. */
  asked: string[];
  /** What answers in the stead of openssl, by path. */
  plant: Record<string, Planted | undefined>;
};

const sections = (base: string) => `
[responder]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = OCSPSigning
noCheck = ignored
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
authorityInfoAccess = OCSP;URI:${base}/ocsp, caIssuers;URI:${base}/ca/issuing.cer
[tsa_config]
serial = tsa-serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
[root_ca]
database = root-index.txt
crlnumber = crlnumber
default_md = sha256
`;

/** All of it is openssl's work, behind one small HTTP server that ends with the test. */
export async function validationServices(t: { teardown(handler: () => void): void }): Promise<ValidationServices> {
  const answers: Record<string, (asked: Buffer) => Buffer> = {};
  const [asked, plant]: [string[], ValidationServices['plant']] = [[], {}];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const [path, body] = [String(request.url), Buffer.concat(chunks)];
    asked.push(path);
    const right = (question: Buffer = body) => answers[path]?.(question) ?? Buffer.alloc(0);
    const planted = plant[path];
    const answer = planted ? planted(body, right) : right();
    if (answer === undefined) return void request.socket.destroy();
    response.writeHead(typeof answer === 'number' ? answer : 200).end(typeof answer === 'number' ? '' : answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const pki = createTestPki(t, {
    ca: `authorityInfoAccess = caIssuers;URI:${base}/ca/root.cer\ncrlDistributionPoints = URI:${base}/crl/root.crl`,
    person: `authorityInfoAccess = OCSP;URI:${base}/ocsp, caIssuers;URI:${base}/ca/issuing.cer`,
    sections: sections(base),
  });
  const file = (name: string) => join(pki.directory, name);
  pki.other('responder', 'responder');
  const known = (certificate: Uint8Array) => {
    const { serialNumber } = new X509Certificate(certificate);
    appendFileSync(file('index.txt'), `V\t491231235959Z\t\t${serialNumber}\tunknown\t/CN=${serialNumber}\n`);
  };
  writeFileSync(file('index.txt'), '');
  known(pki.other('tsa', 'tsa'));
  writeFileSync(file('tsa-serial'), '01\n');
  writeFileSync(file('root-index.txt'), '');
  writeFileSync(file('crlnumber'), '01\n');
  const ca = '-config openssl.cnf -name root_ca -keyfile root.key -cert root.pem';
  pki.openssl(`ca -gencrl ${ca} -crldays 30 -out root.crl`);

  /** openssl reads the question from one file and writes the answer to another. */
  const through = (command: string) => (question: Buffer) => {
    writeFileSync(file('question.der'), question);
    pki.openssl(command);
    return readFileSync(file('answer.der'));
  };
  answers['/tsa'] = through(
    'ts -reply -config openssl.cnf -section tsa_config -queryfile question.der -out answer.der',
  );
  const responder = '-index index.txt -CA issuing.pem -rsigner responder.pem -rkey responder.key -nmin 5';
  answers['/ocsp'] = through(`ocsp ${responder} -reqin question.der -respout answer.der`);
  answers['/crl/root.crl'] = () => pki.openssl('crl -in root.crl -outform DER');
  for (const name of ['root', 'issuing'])
    answers[`/ca/${name}.cer`] = () => pki.openssl(`x509 -in ${name}.pem -outform DER`);

  return {
    ...{ pki, base, tsa: `${base}/tsa`, asked, plant },
    signer(newkey) {
      const signer = pki.signer(newkey);
      known(signer.chain[0]);
      return signer;
    },
    revoke(certificate) {
      const serial = new X509Certificate(certificate).serialNumber;
      const now = `${new Date()
        .toISOString()
        .replace(/[-:T]|\.\d+/g, '')
        .slice(2)}`;
      const lines = readFileSync(file('index.txt'), 'utf8').split('\n');
      const changed = lines.map((line) =>
        line.includes(`\t${serial}\t`) ? line.replace(/^V\t(\w+)\t/, `R\t$1\t${now},keyCompromise`) : line,
      );
      writeFileSync(file('index.txt'), changed.join('\n'));
    },
  };
}
