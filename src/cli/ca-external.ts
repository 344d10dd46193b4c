import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { readConfig } from '../config.ts';
import { operatorPeer } from './operator.ts';
import { defaultDirectory } from './options.ts';
import { when } from './plain.ts';

const usage = `kyso ca external requests [--out DIR] [--dir DIR]
    lines that wait for an outside authority's certificate; with --out their PKCS#10 requests, as LINE-HASH.csr (PEM)
kyso ca external import CERT [--chain FILE] [--dir DIR]
    takes in the certificate that it issued (PEM or DER); FILE: the certificates between it and the root (PEM)
kyso ca external trust [add FILE] [--dir DIR]
    the roots that imported certificates must lead to; add: one more
`;

const text = { type: 'string' } as const;
const options = { out: text, chain: text, dir: text, help: { type: 'boolean' } } as const;

/** `kyso ca external`: certificates of outside authorities, over the operator's socket of a running ca. */
export async function caExternal(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const [step, ...rest] = positionals;
  const right = { requests: rest.length === 0, import: rest.length === 1, trust: rest.length === 0 || isAdd(rest) };
  if (!right[step as keyof typeof right]) throw new KysoError('configuration', `usage:\n${usage}`);
  const files = rest.length > 0 ? certificatesIn(rest.at(-1)!) : [];
  const chain = values.chain === undefined ? [] : certificatesIn(values.chain);
  const ca = await operatorPeer(readConfig(values.dir ?? defaultDirectory), 'ca');
  try {
    if (step === 'requests') {
      const { requests } = await ca.call('external.requests', {});
      for (const { credential, lineHash, request } of requests) {
        if (values.out !== undefined) writeRequest(values.out, lineHash, request);
        print(`${lineHash}  credential ${credential}`);
      }
    } else if (step === 'import') {
      const [certificate = '', ...more] = files;
      const { credential, serialNumber } = await ca.call('external.import', {
        certificate,
        chain: [...more, ...chain],
      });
      print(`${serialNumber} is the certificate of ${credential} from now on.`);
    } else {
      const asked = { by: userInfo().username, ...(files[0] !== undefined && { certificate: files[0] }) };
      for (const { fingerprint, subject, notAfter } of (await ca.call('external.trust', asked)).anchors)
        print(`${fingerprint}  ${subject}  until ${when(notAfter)}`);
    }
    return 0;
  } finally {
    ca.close();
  }
}

const isAdd = ([verb, ...rest]: string[]) => verb === 'add' && rest.length === 1;

/** The certificates of a PEM file, or the one of a DER file; base64. */
function certificatesIn(file: string): string[] {
  const content = readFileSync(file);
  const pems = content.toString('latin1').matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g);
  const found = [...pems].map(([, body = '']) => body.replace(/\s+/g, ''));
  return found.length > 0 ? found : [content.toString('base64')];
}

function writeRequest(directory: string, lineHash: string, request: string): void {
  mkdirSync(directory, { recursive: true });
  const body = request.replace(/.{64}(?=.)/g, '$&\n');
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`;
  writeFileSync(join(directory, `${lineHash}.csr`), pem);
}

const print = (line: string) => void process.stdout.write(`${line}\n`);
