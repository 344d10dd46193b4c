import { randomBytes } from 'node:crypto';
import t from 'tap';
import { fuzzRounds, fuzzSeed, randomFrom } from '../helpers/random.ts';
import { fuzzCases, type Session } from '../http/fuzz-cases.ts';
import { answerOf, wrongWith } from '../http/fuzz-judge.ts';
import { withRoutes } from '../http/routes.ts';
import { type Account, basicOf, startService } from './service.ts';

/** Each request costs the signer commits and the token work. */
const rounds = Math.ceil(fuzzRounds / 4);

t.test(`S92: the same with a real signer behind it (FUZZ_SEED=${fuzzSeed})`, async (t) => {
  const random = randomFrom(fuzzSeed);
  const { made: service, routes } = await withRoutes(() => startService(t));
  const { app, world } = service;
  const session: Session = { csc: '', own: '', userID: '', password: '', known: {} };
  const json = { 'content-type': 'application/json' };
  let account: Account | undefined;

  /** Somebody new, since what was asked before may have frozen or locked the one before; and a SAD to spend. */
  async function renew(): Promise<void> {
    account = await service.account({ otp: random.pick(['totp', 'email']) });
    const { userID, password, pin, credentialID } = account;
    const login = { method: 'POST', headers: { ...json, authorization: basicOf(account) }, payload: '{}' } as const;
    const own = { method: 'POST', headers: json, payload: JSON.stringify({ userID, password }) } as const;
    session.csc = (await app.inject({ ...login, url: '/csc/v1/auth/login' })).json().access_token;
    session.own = (await app.inject({ ...own, url: '/subscriber/v1/login' })).json().access_token;
    Object.assign(session, { userID, password, known: { credentialID, PIN: pin, pin, newPin: `${pin}-x` } });
    session.known.signAlgo = '1.2.840.10045.4.3.2';
  }

  /** What a well-behaved client would have at this moment. */
  async function refresh(): Promise<void> {
    if (!account) return;
    const hash = randomBytes(32).toString('base64');
    const headers = { ...json, authorization: `Bearer ${session.csc}` };
    const OTP = account.code();
    const payload = JSON.stringify({
      credentialID: account.credentialID,
      numSignatures: 1,
      hash: [hash],
      PIN: account.pin,
      OTP,
    });
    const answer = await app.inject({ method: 'POST', url: '/csc/v1/credentials/authorize', headers, payload });
    const { SAD } = answer.json();
    await world.advance(30_000);
    const code = account.code();
    Object.assign(session.known, { hash: [hash], OTP: code, otp: code }, SAD ? { SAD } : {});
  }

  const cases = fuzzCases(
    routes.filter(({ url }) => !url.includes('*') && !url.startsWith('/docs')),
    session,
    random,
  );
  const statuses: Record<number, number> = {};
  for (let n = 0; n < rounds; n += 1) {
    if (n % 40 === 0) await renew();
    if (n % 8 === 0) await refresh();
    const one = cases.anything();
    const answer = await answerOf(app, one);
    const wrong = answer ? wrongWith(answer, false) : 'it hangs';
    if (wrong) {
      const { method, url, payload } = one.make();
      const shown = { request: { method, url, payload: String(payload ?? '').slice(0, 500) }, body: answer?.body };
      t.fail(`FUZZ_SEED=${fuzzSeed}, request ${n}: ${wrong} (${answer?.statusCode})`, shown);
    }
    const status = answer?.statusCode ?? 0;
    statuses[status] = (statuses[status] ?? 0) + 1;
  }
  t.comment(`${rounds} requests: ${JSON.stringify(statuses)}`);
  t.ok((statuses[200] ?? 0) + (statuses[204] ?? 0) > rounds / 20, 'a good part is answered');
  const last = await service.account();
  const hash = [randomBytes(32)];
  t.equal((await last.signHash(await last.authorize(hash), hash)).length, 1, 'and the signer signs as before');
});
