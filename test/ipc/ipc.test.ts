import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import Type from 'typebox';
import { KysoError } from '../../src/base/errors.ts';
import { connectIpc } from '../../src/ipc/client.ts';
import type { Link } from '../../src/ipc/contract.ts';
import { Closed } from '../../src/ipc/fields.ts';
import { writeFrame } from '../../src/ipc/frames.ts';
import { serveIpc } from '../../src/ipc/server.ts';
import { refused } from '../helpers/refused.ts';
import { shortDirectory } from '../helpers/temp.ts';

const contract = {
  double: { links: ['api'], params: Closed({ n: Type.Integer() }), result: Closed({ n: Type.Integer() }) },
  fail: { links: ['api'], params: Closed({}), result: Closed({}) },
  order: { links: ['ca'], params: Closed({}), result: Closed({}) },
} as const;

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i += 1) await delay(10);
}

const key = randomBytes(32);

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
