import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContentInfo, SignedData } from 'pkijs';
import { signaturesOf } from './judges.ts';

/** The document security store of a PDF as qpdf reads it, everything DER; and what the catalog says of the file. */
export type Store = {
  certificates: Buffer[];
  ocsps: Buffer[];
  crls: Buffer[];
  /** How many of each a signature has, by its name under VRI. */
  vri: Record<string, { Cert?: number; OCSP?: number; CRL?: number }>;
  version: unknown;
  extensions: unknown;
};

type Json = { [key: string]: Json } & Json[] & string;

/** @returns undefined when the file has no store */
export function storeOf(pdf: Buffer): Store | undefined {
  const json = inDirectory((file) => {
    writeFileSync(file('in.pdf'), pdf);
    const args = ['--json=2', '--json-key=qpdf', '--json-stream-data=inline', '--decode-level=generalized'];
    return JSON.parse(execFileSync('qpdf', [...args, file('in.pdf')], { encoding: 'utf8', maxBuffer: 1e8 })).qpdf[1];
  });
  const at = (value: Json): Json => {
    const found = typeof value === 'string' && /^\d+ 0 R$/.test(value) ? json[`obj:${value}`] : { value };
    return found.stream ?? found.value;
  };
  const catalog = at(json.trailer.value['/Root']);
  if (!catalog['/DSS']) return undefined;
  const store = at(catalog['/DSS']);
  const list = (name: string) => {
    const streams = store[name] ? at(store[name]) : [];
    return Array.from(streams as Json[], (stream) => Buffer.from(at(stream).data as string, 'base64'));
  };
  const vri = Object.entries(at(store['/VRI']!)).map(([key, entry]) => {
    const counts = Object.entries(at(entry as Json)).map(([name, refs]) => [name.slice(1), at(refs as Json).length]);
    return [key.slice(1), Object.fromEntries(counts)];
  });
  return {
    ...{ certificates: list('/Certs'), ocsps: list('/OCSPs'), crls: list('/CRLs') },
    ...{
      vri: Object.fromEntries(vri),
      version: catalog['/Version'],
      extensions: catalog['/Extensions'] && at(catalog['/Extensions']!),
    },
  };
}

/** The timestamp in the unsigned attributes of a signature, the value that it is over, and its time as openssl reads it. */
export function timestampOf(cms: Buffer): { token: Buffer; signature: Buffer; time: Date } | undefined {
  const signed = new SignedData({ schema: ContentInfo.fromBER(cms).content });
  const [signer] = signed.signerInfos;
  const attribute = signer?.unsignedAttrs?.attributes.find(({ type }) => type === '1.2.840.113549.1.9.16.2.14');
  if (!signer || !attribute) return undefined;
  const token = Buffer.from(attribute.values[0].toBER());
  const text = inDirectory((file) => {
    writeFileSync(file('token.der'), token);
    return execFileSync('openssl', ['ts', '-reply', '-token_in', '-in', file('token.der'), '-text'], {
      encoding: 'utf8',
    });
  });
  const time = new Date(/Time stamp: (.+)/.exec(text)?.[1] ?? '');
  return { token, signature: Buffer.from(signer.signature.valueBlock.valueHexView), time };
}

/**
 * Has openssl judge signature `index` of a PDF with nothing but what stands in the PDF, at the time of its timestamp:
 * the roots are the self-signed certificates of the store. Answers what openssl has against it; nothing is good.
 */
export function complaintsFromStore(pdf: Buffer, index = 0): string[] {
  const { cms, signed } = signaturesOf(pdf)[index]!;
  const [store, timestamp] = [storeOf(pdf), timestampOf(cms)];
  if (!store || !timestamp) return ['there is nothing to feed'];
  return inDirectory((file) => {
    const pem = (name: string, certificates: X509Certificate[]) =>
      writeFileSync(file(name), certificates.map(String).join(''));
    const all = store.certificates.map((der) => new X509Certificate(der));
    const isRoot = (certificate: X509Certificate) => certificate.checkIssued(certificate);
    pem('roots.pem', all.filter(isRoot));
    pem(
      'others.pem',
      all.filter((certificate) => !isRoot(certificate)),
    );
    for (const [name, bytes] of Object.entries({
      'cms.der': cms,
      signed,
      'token.der': timestamp.token,
      value: timestamp.signature,
    }))
      writeFileSync(file(name), bytes);
    for (const [number, ocsp] of store.ocsps.entries()) writeFileSync(file(`${number}.ocsp`), ocsp);
    const crlFiles = store.crls.map((crl, number) => {
      writeFileSync(file(`${number}.crl`), crl);
      return ['-CRLfile', `${number}.crl`];
    });
    const openssl = (args: string, ...more: string[]) => {
      const run = spawnSync('openssl', [...args.split(' '), ...more], { cwd: file('.'), encoding: 'utf8' });
      return { ok: run.status === 0, said: `${run.stdout}${run.stderr}` };
    };
    const complaints: string[] = [];
    const demand = (what: string, { ok, said }: { ok: boolean; said: string }) => {
      if (!ok) complaints.push(`${what}: ${said}`);
    };
    const at = `-attime ${Math.floor(timestamp.time.getTime() / 1000)} -CAfile roots.pem`;
    demand(
      'cms',
      openssl(`cms -verify -cades -binary -inform DER -in cms.der -content signed -purpose any -out out ${at}`),
    );
    demand('timestamp', openssl(`ts -verify -token_in -in token.der -data value -untrusted others.pem ${at}`));
    for (const certificate of all.filter((one) => !isRoot(one))) {
      const issuer = all.find((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey));
      const name = certificate.subject.split('\n').at(-1)!;
      if (!issuer) return [...complaints, `${name}: no issuer`];
      pem('certificate.pem', [certificate]);
      pem('issuer.pem', [issuer]);
      demand(`chain of ${name}`, openssl(`verify -x509_strict -untrusted others.pem ${at} certificate.pem`));
      if (openssl('x509 -in certificate.pem -noout -ext noCheck').said.includes('No Check')) continue;
      const byOcsp = store.ocsps.map((_, number) =>
        openssl(
          `ocsp -respin ${number}.ocsp -issuer issuer.pem -cert certificate.pem -verify_other others.pem -no_nonce ${at}`,
        ),
      );
      const byCrl = openssl(`verify -crl_check ${at} -untrusted others.pem`, ...crlFiles.flat(), 'certificate.pem');
      const good = byOcsp.some(
        ({ said }) => /certificate\.pem: good/.test(said) && said.includes('Response verify OK'),
      );
      demand(`status of ${name}`, { ok: good || byCrl.ok, said: [...byOcsp, byCrl].map(({ said }) => said).join('') });
    }
    return complaints;
  });
}

function inDirectory<Result>(work: (file: (name: string) => string) => Result): Result {
  const directory = mkdtempSync(join(tmpdir(), 'kyso-judge-'));
  try {
    return work((name) => join(directory, name));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
