import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf } from '../config.ts';
import { apiContract } from '../ipc/api-contract.ts';
import { caContract } from '../ipc/ca-contract.ts';
import { connectIpc } from '../ipc/client.ts';
import type { Peer } from '../ipc/contract.ts';
import { notifyContract } from '../ipc/notify-contract.ts';
import { signerContract } from '../ipc/signer-contract.ts';

const contracts = { api: apiContract, ca: caContract, notify: notifyContract, signer: signerContract } as const;
type Contracts = typeof contracts;

/**
 * A connection of the operator's to a running process, with the key that the supervisor left for this user. The caller
 * closes it.
 * @throws KysoError unavailable — Kyso does not run there, or this user may not read its operator's keys
 */
export async function operatorPeer<Name extends keyof Contracts>(
  config: Config,
  name: Name,
): Promise<Peer<Contracts[Name]>> {
  const paths = pathsOf(config);
  const key = operatorKey(paths.operatorKey, name);
  const peer = connectIpc({ path: paths.socket(name), contract: contracts[name], link: 'operator', key });
  for (let tries = 0; !peer.connected() && tries < 100; tries += 1) await delay(50);
  if (peer.connected()) return peer;
  peer.close();
  throw new KysoError('unavailable', `${name} does not answer in ${config.directory}: is kyso serve running there?`);
}

function operatorKey(file: string, name: keyof Contracts): Buffer {
  try {
    const keys: Record<string, string> = JSON.parse(readFileSync(file, 'utf8'));
    return Buffer.from(keys[`operator-${name}`] ?? '', 'base64');
  } catch (cause) {
    throw new KysoError(
      'unavailable',
      `${file} cannot be read: kyso serve writes it, for the user who started it; run this as that user`,
      { cause },
    );
  }
}
