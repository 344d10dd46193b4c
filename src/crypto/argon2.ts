import { argon2, randomBytes } from 'node:crypto';
import { limit } from '../base/limit.ts';

/** Cost of one guess (RFC 9106): memory in KiB, passes over it, lanes. Recorded beside each salt, so that it can grow. */
export type Argon2Cost = { memory: number; passes: number; lanes: number };

/** Design §3: 64 MiB and 3 passes, at least 200 ms of CPU for each guess on a server core. */
export const pinCost: Argon2Cost = { memory: 65_536, passes: 3, lanes: 1 };

export const newSalt = () => randomBytes(16);

/** Two at a time: 128 MiB at most, whatever arrives (S46); the others wait their turn. */
const twoAtATime = limit(2);

/** Argon2id of a secret, 32 bytes. The caller wipes the secret. */
export function argon2id(secret: Uint8Array, salt: Uint8Array, cost: Argon2Cost): Promise<Buffer> {
  return twoAtATime(
    () =>
      new Promise((resolve, reject) => {
        const { memory, passes, lanes } = cost;
        const parameters = { message: secret, nonce: salt, parallelism: lanes, tagLength: 32, memory, passes };
        argon2('argon2id', parameters, (error, key) => (error ? reject(error) : resolve(key)));
      }),
  );
}

/** The text form that is kept in a row and bound into additional data, e.g. `argon2id m=65536 t=3 p=1`. */
export function formatCost(cost: Argon2Cost): string {
  return `argon2id m=${cost.memory} t=${cost.passes} p=${cost.lanes}`;
}

/** Reads what formatCost wrote. @throws Error on any other text */
export function parseCost(text: string): Argon2Cost {
  const match = /^argon2id m=(\d+) t=(\d+) p=(\d+)$/.exec(text);
  if (!match) throw new Error('not a record of Argon2id parameters');
  return { memory: Number(match[1]), passes: Number(match[2]), lanes: Number(match[3]) };
}
