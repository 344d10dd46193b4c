import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { pathsOf } from '../../src/config.ts';
import { externalContract } from '../../src/ipc/ca-external-contract.ts';
import { serveIpc } from '../../src/ipc/server.ts';
import { assembleRequest, requestInfo } from '../../src/pki/csr.ts';
import { encodeName } from '../../src/pki/names.ts';
import { certificatePem } from '../../src/pki/pem.ts';
import { teacher } from '../helpers/authority.ts';
import { outsideCa } from '../helpers/outside-ca.ts';
import { kyso } from '../helpers/subscriber.ts';
import { shortDirectory } from '../helpers/temp.ts';

t.test(
  'kyso ca external: requests as openssl reads them, certificates as PEM or DER, chains from a file',
  async (t) => {
    const directory = shortDirectory(t);
    const paths = pathsOf({ directory });
    const key = randomBytes(32);
    mkdirSync(paths.secrets);
    const content = {
      ...{ mode: 'sandbox', name: 'x', instance: 'signer-1', store: { engine: 'sqlite' } },
      ...{ http: { host: '127.0.0.1', port: 8700, trustedProxies: [] }, pkcs11: { module: '/none', workers: 1 } },
    };
    writeFileSync(paths.config, JSON.stringify(content));
    writeFileSync(paths.operatorKey, JSON.stringify({ 'operator-ca': key.toString('base64') }));
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const info = requestInfo(encodeName(teacher), publicKey.export({ format: 'der', type: 'spki' }));
    const request = assembleRequest(info, sign('sha256', info, privateKey));
    const ca = await outsideCa(t);
    const certificate = ca.issue(request);
    const asked: unknown[] = [];
    const lineHash = 'a'.repeat(64);
    const server = await serveIpc({
      ...{ path: paths.socket('ca'), contract: externalContract, keys: { operator: key }, onError() {} },
      handlers: {
        'external.requests': async () => ({
          requests: [{ credential: 'c1', lineHash, request: request.toString('base64') }],
        }),
        'external.import': async (params) => {
          asked.push(params);
          return { credential: 'c1', serialNumber: '0A' };
        },
        'external.trust': async (params) => {
          asked.push(params.certificate);
          return { anchors: [{ fingerprint: 'ff', subject: 'CN=root', notAfter: 0 }] };
        },
      },
    });
    t.teardown(() => server.close());
    const run = (...args: string[]) => kyso(['ca', 'external', ...args, '--dir', directory]);
    const at = (name: string) => join(directory, name);

    t.match(await run('requests', '--out', at('out')), { status: 0, stdout: /credential c1/ });
    const csr = join(at('out'), `${lineHash}.csr`);
    t.match(readFileSync(csr, 'utf8'), /^-----BEGIN CERTIFICATE REQUEST-----\n/);
    t.match(execFileSync('sh', ['-c', `openssl req -in ${csr} -noout -verify 2>&1`]).toString(), /verify OK/);

    writeFileSync(at('cert.der'), certificate);
    writeFileSync(at('cert.pem'), certificatePem(certificate));
    writeFileSync(at('chain.pem'), certificatePem(ca.issuing) + certificatePem(ca.root));
    writeFileSync(at('root.pem'), certificatePem(ca.root));
    const [own, issuing, root] = [certificate, ca.issuing, ca.root].map((der) => der.toString('base64'));
    for (const name of ['cert.der', 'cert.pem'])
      t.match(await run('import', at(name), '--chain', at('chain.pem')), {
        status: 0,
        stdout: /0A is the certificate of c1/,
      });
    t.match(await run('trust', 'add', at('root.pem')), { status: 0, stdout: /ff {2}CN=root/ });
    t.same(asked, [{ certificate: own, chain: [issuing, root] }, { certificate: own, chain: [issuing, root] }, root]);
    for (const wrong of [[], ['import'], ['trust', 'remove', 'x'], ['requests', 'x'], ['other']])
      t.match(await run(...wrong), { status: 1, stderr: /usage/ }, wrong.join(' '));
  },
);
