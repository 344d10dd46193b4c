import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Compile } from 'typebox/compile';
import { type ErrorKind, KysoError, kindOf } from '../base/errors.ts';
import { storeFailure } from '../store/failure.ts';
import type { Contract, Handlers, Link } from './contract.ts';
import { readFrames, writeFrame } from './frames.ts';
import { answer, type Hello, hello, newNonce, prove, proves } from './handshake.ts';

export type IpcServer = {
  /** Takes no new connection, lets running calls end, then closes. */
  close(): Promise<void>;
};

export type ServeOptions<C extends Contract> = {
  path: string;
  contract: C;
  handlers: Handlers<C>;
  /** The keys of the links that may connect here; a link without a key is refused. */
  keys: Partial<Record<Link, Uint8Array>>;
  /** Called for each call that failed for a reason that nobody named, and for each refused connection. */
  onError: (error: unknown, method: string) => void;
};

/**
 * Offers a contract on a unix socket (mode 0660, in a directory of mode 0750 that only Kyso's group may enter).
 * Each message is checked against its schema, and each method only answers the links that its contract names.
 */
export async function serveIpc<C extends Contract>(options: ServeOptions<C>): Promise<IpcServer> {
  const methods = new Map(
    Object.entries(options.contract).map(([name, method]) => [
      name,
      {
        method,
        params: Compile(method.params),
        handle: options.handlers[name] as (params: unknown, link: Link) => Promise<unknown>,
      },
    ]),
  );
  const sockets = new Set<Socket>();
  const running = new Set<Promise<void>>();
  let closing = false;

  async function run(socket: Socket, link: Link, message: Call): Promise<void> {
    const entry = methods.get(message.method);
    try {
      if (closing) throw new KysoError('unavailable', `${message.method} came too late: the process is stopping`);
      if (!entry?.method.links.includes(link))
        throw new KysoError('requestInvalid', `link ${link} may not call ${message.method}`);
      if (!entry.params.Check(message.params)) throw new KysoError('requestInvalid', `malformed ${message.method}`);
      writeFrame(socket, { id: message.id, result: await entry.handle(message.params, link) });
    } catch (thrown) {
      const error = storeFailure(thrown);
      const kind = kindOf(error);
      if (faults.includes(kind)) options.onError(error, message.method);
      const text = error instanceof KysoError ? error.message : 'internal';
      writeFrame(socket, { id: message.id, error: { kind, message: text } });
    }
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    acceptPeer(socket, options, (link) => (message) => {
      if (!isCall(message)) return void socket.destroy();
      const call = run(socket, link, message);
      running.add(call);
      void call.finally(() => running.delete(call));
    });
  });
  await listen(server, options.path);
  // For one connection too many (EMFILE) and the like, which must not end those that stand.
  server.on('error', (error) => options.onError(error, 'listen'));

  return {
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      closing = true;
      await Promise.all(running);
      // Does not wait for peers to hang up: one that is stopped never would.
      for (const socket of sockets) socket.destroySoon();
      await closed;
    },
  };
}

/** What the operator must hear of: nothing that a caller can bring about by itself, save a breach of the contract. */
const faults: ErrorKind[] = ['internal', 'requestInvalid', 'integrity', 'unavailable'];

type Call = { id: number; method: string; params: unknown };

function isCall(message: unknown): message is Call {
  if (typeof message !== 'object' || message === null) return false;
  const { id, method } = message as Partial<Call>;
  return Number.isSafeInteger(id) && typeof method === 'string';
}

/** Runs the server's half of the handshake; a peer that cannot prove its link's key is dropped without a word. */
function acceptPeer<C extends Contract>(
  socket: Socket,
  options: ServeOptions<C>,
  open: (link: Link) => (message: unknown) => void,
): void {
  const nonce = newNonce();
  let greeting: Hello | undefined;
  let onCall: ((message: unknown) => void) | undefined;
  socket.setTimeout(5_000, () => onCall ?? socket.destroy());

  const refuse = () => {
    options.onError(new KysoError('requestInvalid', 'a peer did not prove the key of its link'), 'handshake');
    socket.destroy();
  };

  readFrames(socket, (message) => {
    if (onCall) onCall(message);
    else if (greeting) finish(greeting, message);
    else greet(message);
  });

  function greet(message: unknown): void {
    const key = hello.Check(message) ? options.keys[message.link] : undefined;
    if (key && hello.Check(message)) {
      greeting = message;
      writeFrame(socket, { nonce, proof: prove(key, 'server', message, nonce) });
    } else refuse();
  }

  function finish(from: Hello, message: unknown): void {
    const key = options.keys[from.link];
    if (key && answer.Check(message) && proves(key, 'client', from, nonce, message.proof)) {
      onCall = open(from.link);
      socket.setTimeout(0);
      writeFrame(socket, { ready: true });
    } else refuse();
  }
}

async function listen(server: Server, path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  rmSync(path, { force: true });
  server.listen(path);
  await once(server, 'listening');
  chmodSync(path, 0o660);
}
