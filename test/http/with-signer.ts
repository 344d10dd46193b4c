import { join } from 'node:path';
import type { LightMyRequestResponse } from 'fastify';
import type { Test } from 'tap';
import { loginDesk } from '../../src/http/logins.ts';
import type { Peer } from '../../src/ipc/contract.ts';
import type { SignerContract } from '../../src/ipc/signer-contract.ts';
import type { PersonOptions } from '../helpers/person.ts';
import { newSigner, signerToken, type TestPerson, type TestSigner } from '../helpers/signer.ts';
import { shortDirectory } from '../helpers/temp.ts';
import { basic, cheap, post, type Sandbox, startApi } from './helpers.ts';

export { randomHashes } from '../helpers/signer.ts';

/** A person of a real signer who calls the API over HTTP. */
export type Client = TestPerson & {
  csc(method: string, body?: object, headers?: Record<string, string>): Promise<LightMyRequestResponse>;
  /** A fresh code, of the authenticator app or out of an e-mail that sendOTP sent. */
  freshCode(): Promise<string>;
  /** The SAD for these hashes. */
  sadFor(hashes: Buffer[], changes?: object): Promise<string>;
};

export type World = Sandbox & { world: TestSigner; newClient(options?: PersonOptions): Promise<Client> };

export const base64 = (hashes: Buffer[]) => hashes.map((hash) => hash.toString('base64'));

/** The API in front of a real signer with a real token; messages between them are held against their contract. */
export async function startWithSigner(t: Test): Promise<World> {
  const token = await signerToken(t);
  const directory = shortDirectory(t);
  const location = async () => ({ engine: 'sqlite' as const, file: join(directory, 'signer.db') });
  const world = await newSigner(t, { location }, token);
  const signer: Peer<SignerContract> = { call: world.call, connected: () => true, close() {} };
  const sandbox = await startApi(t, { signer });
  const { app, store, clock } = sandbox;
  const desk = loginDesk({ store, clock, cost: cheap });
  return {
    ...{ ...sandbox, world },
    async newClient(options = {}) {
      const person = await world.newPerson(options);
      const password = 'Một mật khẩu thử 2026';
      await desk.enrol(person.userID, person.subscriber, password);
      const login = await post(app, '/csc/v1/auth/login', {}, basic(person.userID, password));
      const headers = { authorization: `Bearer ${login.json().access_token}` };
      const csc = (method: string, body: object = {}, more: Record<string, string> = {}) =>
        sandbox.csc(method, { credentialID: person.credentialID, ...body }, { ...headers, ...more });
      const freshCode = async () => {
        if (options.otp !== 'email') return person.nextCode();
        await world.advance(30_000);
        const seen = world.notify.messages.length;
        await csc('credentials/sendOTP');
        return (await world.notify.sent('oneTimeCode', person.email, seen)).values.code!;
      };
      const sadFor = async (hashes: Buffer[], changes: object = {}) => {
        const factors = { PIN: person.pin, OTP: await freshCode() };
        const asked = { numSignatures: hashes.length, hash: base64(hashes), ...factors, ...changes };
        return (await csc('credentials/authorize', asked)).json().SAD;
      };
      return { ...person, csc, freshCode, sadFor };
    },
  };
}
