import { connect, type Socket } from 'node:net';
import { Compile } from 'typebox/compile';
import { type ErrorKind, errorKinds, KysoError } from '../base/errors.ts';
import type { Contract, Link, Peer } from './contract.ts';
import { readFrames, writeFrame } from './frames.ts';
import { challenge, type Hello, newNonce, prove, proves } from './handshake.ts';

export type ConnectOptions<C extends Contract> = {
  path: string;
  contract: C;
  link: Link;
  key: Uint8Array;
  /** How long a call may take, in milliseconds. */
  timeout?: number;
};

type Waiting = {
  method: string;
  resolve: (result: unknown) => void;
  reject: (error: KysoError) => void;
  timer: NodeJS.Timeout;
};

/**
 * Keeps a connection to another process and speaks its contract. While there is none (the process restarts), calls
 * fail at once with `unavailable`, as do calls that were under way; the connection is tried again every 100 ms.
 */
export function connectIpc<C extends Contract>(options: ConnectOptions<C>): Peer<C> {
  const results = new Map(Object.entries(options.contract).map(([name, method]) => [name, Compile(method.result)]));
  const waiting = new Map<number, Waiting>();
  let socket: Socket | undefined;
  let ready = false;
  let closed = false;
  let lastId = 0;

  function open(): void {
    const greeting: Hello = { link: options.link, nonce: newNonce() };
    const current = connect(options.path);
    let proved = false;
    socket = current;
    current.on('connect', () => writeFrame(current, greeting));
    current.on('error', () => current.destroy());
    current.on('close', () => {
      ready = false;
      for (const id of waiting.keys()) settle(id, new KysoError('unavailable', 'the connection was lost'));
      if (!closed) setTimeout(open, 100).unref();
    });
    readFrames(current, (message) => {
      if (ready) {
        receive(message);
      } else if (proved) {
        ready = true;
      } else if (challenge.Check(message) && proves(options.key, 'server', greeting, message.nonce, message.proof)) {
        proved = true;
        writeFrame(current, { proof: prove(options.key, 'client', greeting, message.nonce) });
      } else {
        current.destroy();
      }
    });
  }

  function receive(message: unknown): void {
    const { id, result, error } = message as {
      id: number;
      result?: unknown;
      error?: { kind?: unknown; message?: unknown };
    };
    const call = waiting.get(id);
    if (error) settle(id, new KysoError(kindFrom(error.kind), String(error.message)));
    else if (call && results.get(call.method)?.Check(result)) settle(id, undefined, result);
    else settle(id, new KysoError('internal', `malformed answer to ${call?.method}`));
  }

  function settle(id: number, error: KysoError | undefined, result?: unknown): void {
    const call = waiting.get(id);
    if (!call) return;
    waiting.delete(id);
    clearTimeout(call.timer);
    if (error) call.reject(error);
    else call.resolve(result);
  }

  open();
  return {
    connected: () => ready,
    close() {
      closed = true;
      socket?.destroy();
    },
    call: (method, params) =>
      new Promise<never>((resolve, reject) => {
        if (!ready || !socket) return reject(new KysoError('unavailable', `no connection for ${method}`));
        lastId += 1;
        const id = lastId;
        writeFrame(socket, { id, method, params });
        const timer = setTimeout(
          () => settle(id, new KysoError('unavailable', `${method} took too long`)),
          options.timeout ?? 60_000,
        );
        waiting.set(id, { method, resolve: resolve as (result: unknown) => void, reject, timer });
      }),
  };
}

function kindFrom(kind: unknown): ErrorKind {
  return errorKinds.find((known) => known === kind) ?? 'internal';
}
