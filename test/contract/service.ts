import { verify, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { buildApi } from '../../src/http/api.ts';
import { clientHandlers } from '../../src/http/clients.ts';
import { loginDesk } from '../../src/http/logins.ts';
import type { ClientSwitches } from '../../src/ipc/api-contract.ts';
import { caContract } from '../../src/ipc/ca-contract.ts';
import type { Peer } from '../../src/ipc/contract.ts';
import type { SignerContract } from '../../src/ipc/signer-contract.ts';
import { directClient } from '../../src/store/api/clients.ts';
import { apiDomain } from '../../src/store/api/tables.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { PersonOptions, TestPerson } from '../helpers/person.ts';
import { freePort } from '../helpers/sandbox.ts';
import { newSigner, signerToken, type TestSigner } from '../helpers/signer.ts';
import { cheap, config, scriptedPeer } from '../http/helpers.ts';

/** A subscriber of the service, with a login for the API. */
export type Account = TestPerson & { password: string };

/** The Authorization header of `auth/login`. */
export const basicOf = ({ userID, password }: Account) =>
  `Basic ${Buffer.from(`${userID}:${password}`).toString('base64')}`;

/** A real api over a real signer with a SoftHSM token, in this process, listening. */
export type Service = {
  app: FastifyInstance;
  /** What a client calls its base URL: without, and with `/csc/v1`. */
  origin: string;
  csc: string;
  world: TestSigner;
  account(options?: PersonOptions & { password?: string }): Promise<Account>;
  /** What an operator does with `kyso client set direct`. */
  set(switches: Partial<ClientSwitches>): Promise<void>;
};

export async function startService(t: Test): Promise<Service> {
  const directory = t.testdir();
  let stores = 0;
  const location = async () => {
    stores += 1;
    return { engine: 'sqlite' as const, file: join(directory, `${stores}.db`) };
  };
  const world = await newSigner(t, { location }, await signerToken(t));
  const store = await openStore(apiDomain, await location());
  const signer: Peer<SignerContract> = { call: world.call, connected: () => true, close() {} };
  const ca = scriptedPeer(caContract, {
    status: () => ({ ready: true, token: true, store: true, crl: { ok: true, shards: 0, late: 0 } }),
  });
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const { clock } = world;
  const app = await buildApi({ config: { ...config, publicUrl: origin }, signer, ca, store, clock });
  await app.listen({ port, host: '127.0.0.1' });
  t.teardown(async () => {
    await app.close();
    await store.close();
  });
  const logins = loginDesk({ store, clock, cost: cheap });
  const operator = clientHandlers(store);
  return {
    ...{ app, origin, csc: `${origin}/csc/v1`, world },
    async account({ password = 'Hoa phượng đỏ 2026', ...options } = {}) {
      const person = await world.newPerson(options);
      await logins.enrol(person.userID, person.subscriber, password);
      return { ...person, password };
    },
    async set(switches) {
      await operator['client.set']({ clientID: directClient, switches }, 'operator');
    },
  };
}

/** Whether a signature over `data` fits a base64 certificate, as another library sees it: ECDSA in DER, PSS by its salt. */
export function fits(certificate: string, data: string, signature: string, digest = 'sha256', saltLength?: number) {
  const key = new X509Certificate(Buffer.from(certificate, 'base64')).publicKey;
  const pss = saltLength === undefined ? {} : { padding: 6, saltLength };
  return verify(digest, Buffer.from(data), { key, dsaEncoding: 'der', ...pss }, Buffer.from(signature, 'base64'));
}
