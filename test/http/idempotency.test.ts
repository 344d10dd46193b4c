import t from 'tap';
import { methods } from '../../src/http/csc/methods.ts';
import { base64, randomHashes, startWithSigner } from './with-signer.ts';

const signAlgo = '1.2.840.10045.4.3.2';

t.test('S70: Idempotency-Key over HTTP', async (t) => {
  const { newClient, world } = await startWithSigner(t);
  const client = await newClient();
  const sign = (SAD: string, hash: Buffer[], key?: string) =>
    client.csc(
      'signatures/signHash',
      { SAD, hash: base64(hash), signAlgo },
      key === undefined ? {} : { 'Idempotency-Key': key },
    );

  await t.test('S70: a request that comes again gets the answer that the first one got', async (t) => {
    const hashes = randomHashes(2);
    const SAD = await client.sadFor(hashes);
    const first = await sign(SAD, hashes, 'a b/c~!');
    t.equal(first.statusCode, 200);
    const again = await sign(SAD, hashes, 'a b/c~!');
    t.same([again.statusCode, again.body], [200, first.body]);
    t.not(again.headers['x-request-id'], first.headers['x-request-id']);
    t.equal(world.token.signed.length, 1);

    const without = await sign(SAD, hashes);
    t.same([without.statusCode, without.json().error_description], [400, 'Invalid parameter SAD']);
  });

  await t.test('S70: spelling and members without a meaning do not make it another request', async (t) => {
    const [hash] = randomHashes(1);
    const SAD = await client.sadFor([hash!]);
    const first = await sign(SAD, [hash!], 'spelling');
    const body = { SAD, hash: [hash!.toString('base64url')], signAlgo, clientData: 'again', other: 1 };
    const again = await client.csc('signatures/signHash', body, { 'idempotency-key': 'spelling' });
    t.same([again.statusCode, again.body], [200, first.body]);
  });

  await t.test('S70: 409 while the first is on its way, 422 for another body', async (t) => {
    const hashes = randomHashes(2);
    const SAD = await client.sadFor(hashes);
    const { promise: going, resolve: go } = Promise.withResolvers<void>();
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    world.token.before = () => {
      ask();
      return going;
    };
    const first = sign(SAD, [hashes[0]!], 'slow');
    await asked;
    const second = await sign(SAD, [hashes[0]!], 'slow');
    t.same([second.statusCode, second.json().error, second.headers['retry-after']], [409, 'request_running', '1']);
    const other = await sign(SAD, [hashes[1]!], 'slow');
    t.same([other.statusCode, other.json().error], [422, 'idempotency_key_reused']);
    go();
    world.token.before = () => {};
    t.equal((await first).statusCode, 200);
    t.equal((await sign(SAD, [hashes[0]!], 'slow')).body, (await first).body);
  });

  await t.test('a key of another form is refused before anything is spent', async (t) => {
    const [hash] = randomHashes(1);
    const SAD = await client.sadFor([hash!]);
    for (const key of ['', 'x'.repeat(256), 'a\tb', 'khóa', '\u0001', 'a\u007f']) {
      const answer = await sign(SAD, [hash!], key);
      t.equal(answer.statusCode, 400, JSON.stringify(key));
      t.match(answer.json().error_description, 'The header Idempotency-Key has to be 1 to 255 printable ASCII');
    }
    t.equal((await sign(SAD, [hash!], 'x'.repeat(255))).statusCode, 200);
  });

  await t.test('other methods take no notice of it', async (t) => {
    for (const key of ['list', 'khóa']) {
      for (let times = 0; times < 2; times++)
        t.equal((await client.csc('credentials/list', {}, { 'idempotency-key': key })).statusCode, 200);
    }
    const documented = methods.filter(({ docs }) => docs.headers).map(({ name }) => name);
    t.same(documented, ['signatures/signHash']);
  });
});
