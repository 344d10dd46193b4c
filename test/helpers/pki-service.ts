import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { Compile } from 'typebox/compile';
import { systemClock } from '../../src/base/clock.ts';
import { KysoError } from '../../src/base/errors.ts';
import { answerHandlers } from '../../src/ca/answers.ts';
import { type WatchedClock, watchClock } from '../../src/ca/clock.ts';
import type { Authority } from '../../src/ca/context.ts';
import type { KernelClock } from '../../src/ca/kernel-clock.ts';
import { ocspResponder } from '../../src/ca/ocsp.ts';
import { examplePolicy, timestampAuthority } from '../../src/ca/tsa.ts';
import type { Token } from '../../src/hsm/pool.ts';
import { type ApiConfig, buildApi } from '../../src/http/api.ts';
import { type CaContract, caContract } from '../../src/ipc/ca-contract.ts';
import type { Peer } from '../../src/ipc/contract.ts';
import { signerContract } from '../../src/ipc/signer-contract.ts';
import { certificatePem } from '../../src/pki/pem.ts';
import { apiDomain } from '../../src/store/api/tables.ts';
import { openStore } from '../../src/store/open-store.ts';
import { config, scriptedPeer } from '../http/helpers.ts';
import { fakeSigner, newAuthority } from './certification-authority.ts';
import { storesIn } from './one-store.ts';
import { shortDirectory } from './temp.ts';

/** ca's OCSP responder and timestamp unit behind the real API, on a port; its authorities' certificates as files. */
export type PkiService = {
  url: string;
  port: number;
  authority: Authority;
  clock: WatchedClock;
  /** Paths by id: the certificate, and behind it what stands between it and the root. */
  directory: string;
  pem: Record<string, string>;
  link: { up: boolean };
  kernel: KernelClock;
  /** What ca reported to its operator. */
  reports: unknown[];
  handlers: ReturnType<typeof answerHandlers>;
  /** What it told of the number of its timestamps. */
  told: number[];
};

export async function pkiService(t: Test, token: Token, changes: Partial<ApiConfig> = {}): Promise<PkiService> {
  const stores = storesIn(t);
  const open = async <T>(domain: Parameters<typeof openStore<T>>[0]) => {
    const store = await openStore(domain, await stores.location());
    t.teardown(() => store.close());
    return store;
  };
  const { authority } = await newAuthority({ ...stores, engine: 'sqlite', open }, token, fakeSigner());
  const kernel: KernelClock = { synchronised: true, maxError: 10 };
  const reports: unknown[] = [];
  const told: number[] = [];
  const clock = watchClock(systemClock, () => kernel);
  const report = (error: unknown) => reports.push(error);
  const handlers = answerHandlers(
    ocspResponder(authority, report),
    timestampAuthority({ authority, clock, policy: examplePolicy, report, tell: (count) => told.push(count) }),
  );
  const link = { up: true };
  const ca = peerOf(handlers, link);
  const app = await buildApi({
    config: { ...config, ...changes },
    signer: scriptedPeer(signerContract, {}),
    ...{ ca, store: await open(apiDomain), clock: systemClock },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const directory = shortDirectory(t);
  const pem = Object.fromEntries(
    authority.pki.all().map(({ id, certificate, chain }) => {
      const own = id.startsWith('root') ? [certificate] : [certificate, ...chain.slice(0, -1)];
      const path = join(directory, `${id}.pem`);
      writeFileSync(path, own.map(certificatePem).join(''));
      return [id, path];
    }),
  );
  return {
    ...{
      url: `http://127.0.0.1:${port}`,
      port,
      authority,
      clock,
      pem,
      directory,
      link,
      kernel,
      reports,
      handlers,
      told,
    },
  };
}

/** The same as the real transport: both directions are held against the contract. */
function peerOf(handlers: ReturnType<typeof answerHandlers>, link: { up: boolean }): Peer<CaContract> {
  return {
    async call(method, params) {
      if (!link.up) throw new KysoError('unavailable', 'no connection');
      const handle = (handlers as object as Record<string, (params: unknown) => Promise<unknown>>)[method];
      if (!handle || !Compile(caContract[method].params).Check(params)) throw new Error(`outside: ${method}`);
      const result = await handle(params);
      if (!Compile(caContract[method].result).Check(result)) throw new Error(`outside: the answer to ${method}`);
      return result as never;
    },
    connected: () => link.up,
    close() {},
  };
}
