import { parseArgs } from 'node:util';
import { readConfig } from '../config.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { operatorPeer } from './operator.ts';
import { defaultDirectory } from './options.ts';

const rowsAtOnce = 500;

/** `kyso signer check`: every sealed row of the running signer's store, in small parts. Exit code 1 when one is bad. */
export async function signerCheck(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { dir: { type: 'string' } } });
  const signer = await operatorPeer(readConfig(values.dir ?? defaultDirectory), 'signer');
  let [checked, bad] = [0, 0];
  try {
    let next: Params<SignerContract, 'store.check'> | undefined = { limit: rowsAtOnce };
    while (next) {
      const part: Result<SignerContract, 'store.check'> = await signer.call('store.check', next);
      for (const key of part.bad) process.stdout.write(`${part.table} ${key}: not as Kyso wrote it\n`);
      checked += part.checked;
      bad += part.bad.length;
      next = part.next && { ...part.next, limit: rowsAtOnce };
    }
  } finally {
    signer.close();
  }
  process.stdout.write(`${checked} rows checked, ${bad} bad\n`);
  return bad === 0 ? 0 : 1;
}
