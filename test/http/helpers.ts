import { join } from 'node:path';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import type { Test } from 'tap';
import { Compile } from 'typebox/compile';
import type { Clock } from '../../src/base/clock.ts';
import { type ApiConfig, buildApi } from '../../src/http/api.ts';
import { loginDesk } from '../../src/http/logins.ts';
import { caContract } from '../../src/ipc/ca-contract.ts';
import type { Contract, Params, Peer, Result } from '../../src/ipc/contract.ts';
import { type SignerContract, signerContract } from '../../src/ipc/signer-contract.ts';
import { findLogin } from '../../src/store/api/logins.ts';
import { type ApiStore, apiDomain } from '../../src/store/api/tables.ts';
import { openStore } from '../../src/store/open-store.ts';
import { checkAnswer } from './answers.ts';

export type Script<C extends Contract> = {
  -readonly [M in keyof C]?: (params: Params<C, M>) => Result<C, M> | Promise<Result<C, M>>;
};

export type ScriptedPeer<C extends Contract> = Peer<C> & {
  script: Script<C>;
  calls: { method: string; params: unknown }[];
};

/** A peer that answers from a script and holds what it is asked against the contract, as the real transport does. */
export function scriptedPeer<C extends Contract>(contract: C, script: Script<C>): ScriptedPeer<C> {
  const calls: { method: string; params: unknown }[] = [];
  const peer: ScriptedPeer<C> = {
    script,
    calls,
    async call(method, params) {
      calls.push({ method, params });
      if (!Compile(contract[method]!.params).Check(params)) throw new Error(`outside the contract: ${method}`);
      const answer = peer.script[method];
      if (!answer) throw new Error(`not in the script: ${method}`);
      return answer(params);
    },
    connected: () => true,
    close() {},
  };
  return peer;
}

export type CredentialInfo = Result<SignerContract, 'credentials.info'>;

/** Argon2id for tests: a guess costs next to nothing. */
export const cheap = { memory: 64, passes: 1, lanes: 1 };

export const config: ApiConfig = {
  publicUrl: 'https://sign.example.vn',
  name: 'Kyso',
  tier: 'development',
  trustedProxies: [],
  log: { level: 'silent' },
  passwordCost: cheap,
};

export function clockAt(now: number): Clock & { now: () => number; set(at: number): void } {
  let at = now;
  return {
    now: () => at,
    monotonic: () => at,
    set(value) {
      at = value;
    },
  };
}

export const lan = { userID: 'lan.nguyen', password: 'Hoa phượng đỏ 2026', subscriber: 'sub-lan' };
export const startOfTests = 1_800_000_000_000;

export type Sandbox = {
  app: FastifyInstance;
  signer: ScriptedPeer<SignerContract>;
  ca: ReturnType<typeof scriptedPeer<typeof caContract>>;
  store: ApiStore;
  clock: ReturnType<typeof clockAt>;
  /** POSTs JSON under the CSC base with a live token of Lan's, unless other headers are given. */
  csc(method: string, body: unknown, headers?: Record<string, string>): Promise<LightMyRequestResponse>;
  token: string;
};

/** An API over a fresh store in which Lan has a login, with a scripted ca, and a scripted signer unless one is given. */
export async function startApi(
  t: Test,
  {
    store,
    config: changes = {},
    signer: real,
  }: { store?: ApiStore; config?: Partial<ApiConfig>; signer?: Peer<SignerContract> } = {},
): Promise<Sandbox> {
  const opened = store ?? (await openStore(apiDomain, { engine: 'sqlite', file: join(t.testdir(), 'api.db') }));
  const clock = clockAt(startOfTests);
  const signer = scriptedPeer<SignerContract>(signerContract, {});
  const ca = scriptedPeer<typeof caContract>(caContract, {});
  const parts = { ca, store: opened, clock, signer: real ?? signer };
  const app = await buildApi({ config: { ...config, ...changes }, ...parts });
  t.teardown(async () => {
    await app.close();
    if (!store) await opened.close();
  });
  if (!(await findLogin(opened.read, lan.userID))) {
    await loginDesk({ store: opened, clock, cost: cheap }).enrol(lan.userID, lan.subscriber, lan.password);
  }
  const answer = await post(app, '/csc/v1/auth/login', {}, basic(lan.userID, lan.password));
  const token: string = answer.json().access_token;
  return {
    app,
    signer,
    ca,
    store: opened,
    clock,
    token,
    async csc(method, body, headers = { authorization: `Bearer ${token}` }) {
      const answer = await post(app, `/csc/v1/${method}`, body, headers);
      checkAnswer(t, method, answer);
      return answer;
    },
  };
}

export function post(app: FastifyInstance, url: string, body: unknown, headers: Record<string, string> = {}) {
  const payload = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  return app.inject({ method: 'POST', url, payload, headers: { 'content-type': 'application/json', ...headers } });
}

export const basic = (userID: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${userID}:${password}`).toString('base64')}`,
});
