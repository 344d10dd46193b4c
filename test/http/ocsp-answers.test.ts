import t, { type Test } from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { allowance } from '../../src/http/pki/allowance.ts';
import { ocspAnswers } from '../../src/http/pki/ocsp-answers.ts';
import { caContract } from '../../src/ipc/ca-contract.ts';
import { fakeClock } from '../helpers/fake-clock.ts';
import { refused } from '../helpers/refused.ts';
import { scriptedPeer, startApi } from './helpers.ts';

const hour = 3_600_000;
const request = Buffer.from('a request');

/** A ca that makes another answer each time it is asked, over a link that can break. */
function service(t: Test) {
  const clock = fakeClock();
  const peer = scriptedPeer(caContract, {});
  const link = { up: true, revision: 'epoch/1', asked: 0, polls: 0 };
  const through = <T>(value: T): T => {
    if (!link.up) throw new KysoError('unavailable', 'no connection');
    return value;
  };
  peer.script['ocsp.revision'] = () => {
    link.polls += 1;
    return through({ revision: link.revision });
  };
  peer.script['ocsp.answer'] = () => {
    link.asked += 1;
    const now = clock.now();
    const kept = { revision: link.revision, thisUpdate: now, renewAt: now + hour / 2, nextUpdate: now + hour };
    return through({ response: Buffer.from(`answer ${link.asked}`).toString('base64'), kept });
  };
  const ca = { ...peer, connected: () => link.up };
  const answers = ocspAnswers({ ca, clock });
  t.teardown(() => answers.close());
  return { clock, link, answers, peer, kept: () => answers.find('name')?.response.toString() };
}

t.test('an answer is kept as long as ca says every 0.7 s that nothing changed', async (t) => {
  const { clock, link, answers, kept } = service(t);
  t.equal(kept(), undefined);
  await answers.follow();
  t.equal(link.polls, 0, 'nothing is kept: nothing is asked');
  await answers.ask('name', request);
  t.equal(kept(), 'answer 1');
  clock.advance(700);
  t.equal(kept(), 'answer 1');
  clock.advance(1);
  t.equal(kept(), undefined, 'ca may have said something else meanwhile');
  await answers.follow();
  t.equal(kept(), 'answer 1');
  t.equal(answers.find('another name'), undefined);
  t.equal(link.asked, 1);

  link.revision = 'epoch/2';
  clock.advance(250);
  await answers.follow();
  t.equal(kept(), undefined, 'S79: a status changed');
  await answers.ask('name', request);
  t.equal(kept(), 'answer 2');
  link.revision = 'another life/2';
  await answers.follow();
  t.equal(kept(), undefined, 'and the store of ca was restored');
});

t.test('S79: an answer that was read before a change and comes after it is not kept', async (t) => {
  const { clock, link, answers, peer, kept } = service(t);
  await answers.ask('something else', request);
  const { promise, resolve } = Promise.withResolvers<void>();
  const now = clock.now();
  peer.script['ocsp.answer'] = async () => {
    await promise;
    const times = { thisUpdate: now, renewAt: now + hour / 2, nextUpdate: now + hour };
    return { response: Buffer.from('good').toString('base64'), kept: { revision: 'epoch/1', ...times } };
  };
  const asked = answers.ask('name', request);
  clock.advance(10);
  link.revision = 'epoch/2';
  await answers.follow();
  resolve();
  t.equal((await asked).response.toString(), 'good', 'true when it was asked');
  t.equal(kept(), undefined);
  await answers.follow();
  t.equal(kept(), undefined);
});

t.test('while ca is away, what is kept goes on until its nextUpdate', async (t) => {
  const { clock, link, answers, kept } = service(t);
  await answers.ask('name', request);
  link.up = false;
  clock.advance(hour / 2 + 1);
  t.equal(kept(), 'answer 1', 'nobody can revoke anything meanwhile');
  await t.rejects(answers.ask('something else', request), refused('unavailable'));
  clock.advance(hour / 2);
  t.equal(kept(), undefined);
  await t.rejects(answers.ask('name', request), refused('unavailable'));
  link.up = true;
  await answers.ask('name', request);
  t.equal(kept(), 'answer 4', 'and then there is a new one');
});

t.test('an answer is renewed at half of its time, or serves on while ca cannot sign', async (t) => {
  const { clock, link, answers, peer, kept } = service(t);
  await answers.ask('name', request);
  clock.advance(hour / 2);
  await answers.follow();
  t.equal(kept(), undefined, 'a new one is due');
  const sign = peer.script['ocsp.answer'];
  peer.script['ocsp.answer'] = () => {
    throw new KysoError('tokenUnavailable');
  };
  t.equal((await answers.ask('name', request)).response.toString(), 'answer 1');
  link.revision = 'epoch/2';
  await answers.follow();
  await t.rejects(answers.ask('name', request), refused('tokenUnavailable'));
  peer.script['ocsp.answer'] = sign!;
  await answers.ask('name', request);
  t.equal(kept(), 'answer 2');
});

t.test('an answer of a clock that was ahead is not given by one that is right', async (t) => {
  const { clock, link, answers, kept } = service(t);
  clock.step(hour / 4);
  await answers.ask('name', request);
  t.equal(kept(), 'answer 1');
  clock.step(-hour / 4);
  t.equal(kept(), undefined, 'its thisUpdate has not come yet');
  link.up = false;
  t.equal(kept(), undefined, 'nor while ca is away');
});

t.test('what ca made for one is not kept, and of the others at most ten thousand', async (t) => {
  const { answers, peer, clock } = service(t);
  const sign = peer.script['ocsp.answer']!;
  peer.script['ocsp.answer'] = () => ({ response: Buffer.from('fresh').toString('base64') });
  t.equal((await answers.ask('name', request)).kept, undefined);
  t.equal(answers.find('name'), undefined);
  peer.script['ocsp.answer'] = sign;
  for (let n = 0; n <= 10_000; n += 1) await answers.ask(String(n), request);
  t.equal(answers.find('0'), undefined, 'the oldest went');
  t.ok(answers.find('1'));
  t.ok(answers.find('10000'));
  await answers.ask('x'.repeat(1_024), request);
  t.ok(answers.find('x'.repeat(1_024)));
  await answers.ask('x'.repeat(1_025), request);
  t.notOk(answers.find('x'.repeat(1_025)), 'nor what takes more room than any certificate needs');
  clock.advance(1);
});

t.test('an allowance for each source', async (t) => {
  const clock = fakeClock();
  const mayAsk = allowance(clock, { burst: 3, perSecond: 2 });
  const times = (source: string, count: number) => Array.from({ length: count }, () => mayAsk(source));
  t.same(times('a', 4), [true, true, true, false]);
  t.same(times('b', 4), [true, true, true, false], 'not the other’s doing');
  clock.advance(499);
  t.same(times('a', 1), [false]);
  clock.advance(1);
  t.same(times('a', 2), [true, false], 'two a second; a refusal costs nothing');
  clock.advance(3_600_000);
  t.same(times('a', 4), [true, true, true, false], 'never more than at first');
});

t.test('one source may have a thousand things signed at once, and is given what is kept without a bound', async (t) => {
  const { app, ca, clock } = await startApi(t, { config: { trustedProxies: ['127.0.0.1'] } });
  const media = { ocsp: 'application/ocsp-request', tsa: 'application/timestamp-query' };
  const send = async (what: keyof typeof media, body: string, source: string) => {
    const url = what === 'tsa' ? '/tsa' : '/pki/ocsp';
    const headers = { 'content-type': media[what], 'x-forwarded-for': source };
    return app.inject({ method: 'POST', url, payload: Buffer.from(body), headers });
  };
  const now = clock.now();
  const kept = { revision: 'epoch/1', thisUpdate: now, renewAt: now + hour / 2, nextUpdate: now + hour };
  const response = Buffer.from('signed').toString('base64');
  ca.script['ocsp.answer'] = ({ request }) => ({ response, ...(request === 'a2VwdA==' && { kept }) });
  ca.script['timestamp.answer'] = () => ({ response });
  ca.script['ocsp.revision'] = () => ({ revision: 'epoch/1' });

  t.equal((await send('ocsp', 'kept', '192.0.2.1')).body, 'signed');
  for (let n = 0; n < 500; n += 1) await send('ocsp', `with nonce ${n}`, '192.0.2.1');
  for (let n = 0; n < 498; n += 1) await send('tsa', 'query', '192.0.2.1');
  t.equal((await send('tsa', 'query', '192.0.2.1')).body, 'signed', 'the thousandth');
  const tryLater = '30030a0103';
  t.equal((await send('ocsp', 'with nonce', '192.0.2.1')).rawPayload.toString('hex'), tryLater);
  const refusal = await send('tsa', 'query', '192.0.2.1');
  t.same([refusal.statusCode, refusal.headers['retry-after']], [429, '1']);
  t.equal((await send('ocsp', 'kept', '192.0.2.1')).body, 'signed', 'what is kept costs nothing');
  t.equal((await send('tsa', 'query', '192.0.2.2')).body, 'signed', 'somebody else is not held up');
});

t.test('what all ask for at once has a bound, too', async (t) => {
  const { app, ca } = await startApi(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  ca.script['timestamp.answer'] = async () => {
    await promise;
    return { response: Buffer.from('signed').toString('base64') };
  };
  const ask = () =>
    app.inject({
      method: 'POST',
      url: '/tsa',
      payload: 'x',
      headers: { 'content-type': 'application/timestamp-query' },
    });
  const all = Array.from({ length: 300 }, ask);
  setTimeout(resolve, 200);
  const statuses = (await Promise.all(all)).map(({ statusCode }) => statusCode);
  t.equal(statuses.filter((status) => status === 200).length, 256);
  t.equal(statuses.filter((status) => status === 503).length, 44);
});
