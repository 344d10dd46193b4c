import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { KysoError } from '../base/errors.ts';
import { endOf, exchange, forkEntry } from './child.ts';
import { fromFailure } from './errors.ts';
import type {
  BackupKey,
  InitAnswer,
  InitRequest,
  MadeKey,
  ResidentKeySpec,
  RestoreKey,
  SealedKey,
  TokenAddress,
  TokenDescription,
} from './protocol.ts';

/** A key that was made. */
export type ResidentKey = ResidentKeySpec & MadeKey;

const initDeadline = 120_000;

/**
 * Makes a SoftHSM token: `tokenDirectory` (mode 0700) gets `softhsm2.conf` and the token's files. Answers the
 * environment with which the module finds the token, for `TokenConfig`.
 * @throws KysoError configuration — a token with this label is there already; it is never overwritten
 * @throws KysoError tokenUnavailable | tokenPinRefused — the module or a PIN (4 to 255 bytes) does not do
 */
export async function initialiseSoftHsmToken(request: {
  module: string;
  tokenDirectory: string;
  label: string;
  pin: Buffer;
  soPin: Buffer;
}): Promise<{ SOFTHSM2_CONF: string }> {
  const { tokenDirectory, ...token } = request;
  const objects = join(resolve(tokenDirectory), 'tokens');
  const file = join(resolve(tokenDirectory), 'softhsm2.conf');
  mkdirSync(objects, { recursive: true, mode: 0o700 });
  const lines = [`directories.tokendir = ${objects}`, 'objectstore.backend = file', 'log.level = ERROR', ''];
  writeFileSync(file, lines.join('\n'), { mode: 0o600 });
  const environment = { SOFTHSM2_CONF: file };
  await runInit(environment, { step: 'initialiseToken', ...token });
  return environment;
}

type Access = TokenAddress & { environment: Record<string, string>; pin: Buffer };

/**
 * Makes keys that stay in the token for ever (design §3), in the order of `keys`; with `backup` each one's secret is
 * also answered, sealed to it.
 * @throws KysoError configuration — a label is taken, or the token takes no keys that can be backed up; the keys before
 *   it in the list were made
 * @throws KysoError tokenUnavailable | tokenPinRefused | integrity — as the token does not do
 */
export async function createResidentKeys(
  request: Access & { keys: ResidentKeySpec[]; backup?: BackupKey },
): Promise<ResidentKey[]> {
  const { environment, ...rest } = request;
  const made = await runInit(environment, { step: 'createKeys', ...rest });
  return request.keys.map((key, index) => ({ ...key, ...made[index] }));
}

/**
 * Puts keys back into a fresh token from their backup, in the order of `keys`. Throws as `createResidentKeys`.
 * @throws KysoError integrity — the private half is not the backup's, or the backup was changed
 */
export async function restoreResidentKeys(
  request: Access & { keys: SealedKey[]; backup: RestoreKey },
): Promise<ResidentKey[]> {
  const { environment, ...rest } = request;
  const made = await runInit(environment, { step: 'restoreKeys', ...rest });
  return request.keys.map(({ label, kind }, index) => ({ label, kind, ...made[index] }));
}

/** Destroys a secret key of the token for good. A label that is not there is no error. Throws as `createResidentKeys`. */
export async function destroyResidentKey({ environment, ...rest }: Access & { key: string }): Promise<void> {
  await runInit(environment, { step: 'destroyKey', ...rest });
}

/** How the token names itself. Throws as `createResidentKeys`. */
export async function describeToken({ environment, ...rest }: Access): Promise<TokenDescription> {
  const { described } = await askInit(environment, { step: 'describeToken', ...rest });
  if (!described) throw new KysoError('internal', 'the token was not described');
  return described;
}

/** In a process of its own: SOFTHSM2_CONF must stand before the library is loaded, which happens once per process. */
async function runInit(environment: Record<string, string>, request: InitRequest): Promise<MadeKey[]> {
  return (await askInit(environment, request)).made;
}

async function askInit(environment: Record<string, string>, request: InitRequest) {
  const child = forkEntry('init-worker.ts', environment);
  const ended = endOf(child);
  const answer = await exchange<InitAnswer>(child, request, initDeadline);
  if (child.connected) child.disconnect();
  await ended;
  if (answer === 'died' || answer === 'hung') {
    throw new KysoError('tokenUnavailable', `the process that prepares the token ${answer}`);
  }
  if (answer.is === 'failed') throw fromFailure(answer);
  return answer;
}
