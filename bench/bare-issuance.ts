import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { residentKey } from '../src/ca/ca-token.ts';
import { createResidentKeys, initialiseSoftHsmToken } from '../src/hsm/init.ts';
import { startToken } from '../src/hsm/pool.ts';

/** What an issuance cannot do without: a key pair made and wrapped in a token, and one signature of an authority's key. */
export async function startBareIssuance(directory: string, module: string) {
  const label = 'kyso-bare-issuance';
  const pin = () => Buffer.from('pin-of-the-bare-loop');
  const token = { module, label, tokenDirectory: join(directory, 'bare') };
  const environment = await initialiseSoftHsmToken({ ...token, pin: pin(), soPin: Buffer.from('so-pin-of-the-loop') });
  const keys = [
    { label: 'kek', kind: 'AES-256-KEK' },
    { label: 'issuing', kind: 'EC-P256' },
  ] as const;
  await createResidentKeys({ module, label, environment, pin: pin(), keys: [...keys] });
  const started = await startToken({ module, label, environment, workers: 2 }, pin(), { onPinRefused: () => {} });
  const issuing = await residentKey(started, 'issuing');
  return {
    async one(): Promise<void> {
      await started.generateKeyPair({ keyType: 'EC-P256', kek: 'kek', name: randomBytes(8).toString('hex') });
      await issuing.sign(randomBytes(500));
    },
    stop: () => started.stop(),
  };
}
