import t from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { startApi } from './helpers.ts';

t.test('/health/live and /health/ready', async (t) => {
  const { app, signer, ca } = await startApi(t);
  const get = (url: string) => app.inject({ method: 'GET', url });
  const signerStatus = { ready: true, token: true, store: true, feed: true, feedAge: 300, notify: 'ok' as const };
  signer.script.status = () => signerStatus;
  const crl = { ok: false, shards: 3, late: 1, endsAt: 1_800_000_000_000 };
  const caStatus = { ready: true, token: true, store: true, crl };
  ca.script.status = () => caStatus;

  const ready = await get('/health/ready');
  t.equal(ready.statusCode, 200);
  t.same(ready.json(), {
    status: 'ok',
    tier: 'development',
    signer: signerStatus,
    ca: caStatus,
    api: { store: true },
  });

  for (const notify of ['delayed', 'away'] as const) {
    signer.script.status = () => ({ ...signerStatus, notify });
    const late = await get('/health/ready');
    t.equal(late.statusCode, 200, `signing works while messages are ${notify}`);
    t.match(late.json(), { status: 'ok', signer: { ready: true, notify } }, 'and the operator sees it');
  }

  signer.script.status = () => ({ ...signerStatus, ready: false, feed: false });
  const stale = await get('/health/ready');
  t.equal(stale.statusCode, 503);
  t.match(stale.json(), { status: 'unavailable', signer: { ready: false, feed: false }, ca: { ready: true } });

  signer.script.status = () => signerStatus;
  ca.script.status = () => {
    throw new KysoError('unavailable', 'marker-message');
  };
  const alone = await get('/health/ready');
  t.equal(alone.statusCode, 503);
  t.same(alone.json().ca, { ready: false });
  t.notMatch(alone.body, 'marker-message');

  ca.script.status = () => new Promise(() => {});
  t.same((await get('/health/ready')).json().ca, { ready: false }, 'a peer that says nothing is not waited for');

  const live = await get('/health/live');
  t.equal(live.statusCode, 200, 'alive, whatever the others are');
  t.same(live.json(), { status: 'ok' });

  const odd = await app.inject({ method: 'GET', url: '/health/ready', headers: { 'content-type': 'text/plain' } });
  t.equal(odd.statusCode, 415);
  t.match(odd.json(), { error: 'invalid_request', error_description: String });

  const production = await startApi(t, { config: { tier: 'production' } });
  production.signer.script.status = () => signerStatus;
  production.ca.script.status = () => caStatus;
  t.equal((await production.app.inject({ method: 'GET', url: '/health/ready' })).json().tier, 'production', 'S18');
});
