import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import Type from 'typebox';
import { KysoError } from '../../src/base/errors.ts';
import { connectIpc } from '../../src/ipc/client.ts';
import type { Link } from '../../src/ipc/contract.ts';
import { Closed, Text } from '../../src/ipc/fields.ts';
import { readFrames, writeFrame } from '../../src/ipc/frames.ts';
import { newNonce, prove } from '../../src/ipc/handshake.ts';
import { serveIpc } from '../../src/ipc/server.ts';
import { refused } from '../helpers/refused.ts';
import { shortDirectory } from '../helpers/temp.ts';

const contract = {
  double: { links: ['api'], params: Closed({ n: Type.Integer() }), result: Closed({ n: Type.Integer() }) },
  fail: { links: ['api'], params: Closed({}), result: Closed({}) },
  long: {
    links: ['api'],
    params: Closed({ n: Type.Integer(), text: Text(4_000_000) }),
    result: Closed({ text: Text(4_000_000) }),
  },
  slow: { links: ['api'], params: Closed({}), result: Closed({}) },
  order: { links: ['ca'], params: Closed({}), result: Closed({}) },
} as const;

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i += 1) await delay(10);
}

const key = randomBytes(32);
let slow = Promise.withResolvers<Record<string, never>>();

function start(path: string, complaints: string[] = []) {
  return serveIpc({
    path,
    contract,
    keys: { api: key },
    onError: (_error, method) => complaints.push(method),
    handlers: {
      double: async ({ n }) => ({ n: 2 * n }),
      fail: async () => {
        throw new KysoError('pinInvalid', 'wrong');
      },
      long: async ({ n }) => ({ text: 'x'.repeat(n) }),
      slow: () => slow.promise,
      order: async () => ({}),
    },
  });
}

const peer = (path: string, link: Link = 'api', withKey: Uint8Array = key) =>
  connectIpc({ path, contract, link, key: withKey });

t.test('calls, named errors, and answers in any order', async (t) => {
  const path = join(shortDirectory(t), 's');
  const server = await start(path);
  const client = peer(path);
  t.teardown(() => client.close());
  await until(client.connected);
  const answers = await Promise.all(Array.from({ length: 500 }, (_, n) => client.call('double', { n })));
  t.same(
    answers.map((answer) => answer.n),
    Array.from({ length: 500 }, (_, n) => 2 * n),
  );
  await t.rejects(client.call('fail', {}), new KysoError('pinInvalid', 'wrong'));
  await server.close();
  await until(() => !client.connected());
  await t.rejects(client.call('double', { n: 1 }), refused('unavailable'), 'without a server a call fails at once');
  const again = await start(path);
  t.teardown(() => again.close());
  await until(client.connected);
  t.same(await client.call('double', { n: 2 }), { n: 4 }, 'and works again when it is back');
});

t.test('S2: a peer gets only what its link may ask, in the form the contract says', async (t) => {
  const path = join(shortDirectory(t), 's');
  const complaints: string[] = [];
  const server = await start(path, complaints);
  const client = peer(path);
  t.teardown(async () => {
    client.close();
    await server.close();
  });
  await until(client.connected);
  await t.rejects(client.call('order', {}), refused('requestInvalid'), "api may not send ca's orders");
  await t.rejects(client.call('double', { n: '1' } as never), refused('requestInvalid'), 'no coercion');
  await t.rejects(client.call('double', { n: 1, more: 1 } as never), refused('requestInvalid'), 'no unknown member');
  await t.rejects(client.call('toString' as 'fail', {}), refused('requestInvalid'), 'no inherited method');

  for (const [name, stranger] of [
    ['a wrong key', peer(path, 'api', randomBytes(32))],
    ['a link that has no key here', peer(path, 'ca')],
  ] as const) {
    await delay(300);
    t.notOk(stranger.connected(), `${name} opens nothing`);
    stranger.close();
  }
  t.ok(complaints.includes('handshake'), 'and is told to the log');
});

t.test('a message that is too long fails alone, one that is just long arrives', async (t) => {
  const path = join(shortDirectory(t), 's');
  const server = await start(path);
  const client = peer(path);
  t.teardown(async () => {
    client.close();
    await server.close();
  });
  await until(client.connected);
  const others = Promise.all(Array.from({ length: 20 }, (_, n) => client.call('double', { n })));
  await t.rejects(client.call('long', { n: 3_000_000, text: '' }), refused('internal'), 'an answer');
  await t.rejects(client.call('long', { n: 1, text: 'x'.repeat(3_000_000) }), refused('internal'), 'a question');
  await others;
  t.ok(client.connected(), 'the connection and its other calls live');
  const answers = await Promise.all([1, 2, 3].map((n) => client.call('long', { n: 700_000 + n, text: '' })));
  t.same(
    answers.map(({ text }) => text.length),
    [700_001, 700_002, 700_003],
    '1,000 signatures of 512 bytes, three times at once',
  );
});

t.test('S72: close lets running calls end, takes no new ones, and waits for no peer', async (t) => {
  slow = Promise.withResolvers();
  const path = join(shortDirectory(t), 's');
  const server = await start(path);
  const client = peer(path);
  // A peer that has proved its key and then never hangs up.
  const greeting = { link: 'api', nonce: newNonce() } as const;
  const silent = connect({ path, allowHalfOpen: true }, () => writeFrame(silent, greeting));
  let proved = false;
  readFrames(silent, (message) => {
    if ('ready' in (message as object)) proved = true;
    else writeFrame(silent, { proof: prove(key, 'client', greeting, (message as { nonce: string }).nonce) });
  });
  t.teardown(() => {
    client.close();
    silent.destroy();
  });
  silent.on('error', () => {});
  await until(() => client.connected() && proved);
  const running = client.call('slow', {});
  await client.call('double', { n: 1 });
  const closed = server.close();
  await t.rejects(client.call('double', { n: 1 }), refused('unavailable'));
  slow.resolve({});
  t.same(await running, {}, 'is answered before the end');
  await closed;
});

t.test('a call under way when the connection is lost fails at once', async (t) => {
  slow = Promise.withResolvers();
  const path = join(shortDirectory(t), 's');
  const server = await start(path);
  const client = peer(path);
  await until(client.connected);
  const running = client.call('slow', {});
  client.close();
  await t.rejects(running, refused('unavailable'));
  slow.resolve({});
  await server.close();
});

t.test('a failed query is told by what it means, without its parameters', async (t) => {
  slow = Promise.withResolvers();
  const path = join(shortDirectory(t), 's');
  const server = await start(path);
  const client = peer(path);
  t.teardown(async () => {
    client.close();
    await server.close();
  });
  await until(client.connected);
  const lost = Object.assign(new Error('terminating connection'), { code: '57P01' });
  const wrapped = Object.assign(new Error('Failed query: … params: secret', { cause: lost }), {
    query: '',
    params: [],
  });
  slow.promise.catch(() => {});
  const running = client.call('slow', {});
  slow.reject(wrapped);
  await t.rejects(running, { ...refused('unavailable'), message: /^(?!.*secret)/ });
});

t.test('broken frames end the connection and nothing else', async (t) => {
  const path = join(shortDirectory(t), 's');
  const server = await start(path);
  t.teardown(() => server.close());
  const ended = (send: (socket: ReturnType<typeof connect>) => void) =>
    new Promise<boolean>((resolve) => {
      const socket = connect(path, () => send(socket));
      socket.on('close', () => resolve(true));
      socket.on('error', () => {});
      setTimeout(() => resolve(false), 3_000).unref();
    });
  t.ok(await ended((socket) => socket.write(Buffer.from('ffffffff00', 'hex'))), 'a frame of 4 GiB');
  t.ok(await ended((socket) => socket.write(Buffer.from('000000027b7b', 'hex'))), 'a frame that is not JSON');
  t.ok(
    await ended((socket) => writeFrame(socket, { id: 1, method: 'double', params: { n: 1 } })),
    'a call before the handshake',
  );
});
