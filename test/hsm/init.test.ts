import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createVerifier } from '../../src/crypto/verify.ts';
import { createResidentKeys, initialiseSoftHsmToken } from '../../src/hsm/init.ts';
import { refused } from '../helpers/refused.ts';
import { softHsmModule } from '../helpers/softhsm.ts';
import { shortDirectory } from '../helpers/temp.ts';
import { nss, softHsm } from '../helpers/tokens.ts';
import { workerPids } from './workers.ts';

const pin = () => Buffer.from('0123456789');

t.test('a token is made once, in a directory that only its owner can read', async (t) => {
  const tokenDirectory = join(shortDirectory(t), 'a directory', 'signer');
  const request = { module: softHsmModule, tokenDirectory, label: 'kyso-signer', soPin: pin() };
  const environment = await initialiseSoftHsmToken({ ...request, pin: pin() });
  t.equal(statSync(tokenDirectory).mode & 0o777, 0o700);
  t.match(readFileSync(environment.SOFTHSM2_CONF, 'utf8'), /objectstore\.backend = file\nlog\.level = ERROR\n/);
  const token = { module: softHsmModule, label: 'kyso-signer', environment };
  await createResidentKeys({ ...token, pin: pin(), keys: [{ label: 'log', kind: 'EC-P256' }] });

  await t.rejects(initialiseSoftHsmToken({ ...request, pin: Buffer.from('another') }), refused('configuration'));
  const keys = [{ label: 'second', kind: 'EC-P256' as const }];
  t.ok((await createResidentKeys({ ...token, pin: pin(), keys }))[0]?.spki, 'the old PIN still holds');
  await t.rejects(createResidentKeys({ ...token, pin: pin(), keys }), refused('configuration'), 'a label is used once');

  const other = await initialiseSoftHsmToken({ ...request, label: 'kyso-ca', pin: pin() });
  t.same(other, environment, 'a second token in the same directory');
  t.same(workerPids(), []);
});

for (const { name, makeToken } of [softHsm, nss])
  t.test(`${name}: keys are answered in the order of the request, signing keys with their public half`, async (t) => {
    const token = await makeToken(t, []);
    const made = await createResidentKeys({
      ...token.config,
      pin: token.pin(),
      keys: [
        { label: 'kek-1', kind: 'AES-256-KEK' },
        { label: 'issuing', kind: 'RSA-3072' },
        { label: 'pepper-1', kind: 'HMAC-SHA256' },
        { label: 'feed', kind: 'EC-P256' },
      ],
    });
    t.same(
      made.map(({ label, spki }) => [label, spki !== undefined]),
      [
        ['kek-1', false],
        ['issuing', true],
        ['pepper-1', false],
        ['feed', true],
      ],
    );
    t.doesNotThrow(() => createVerifier('RSA-3072', made[1]!.spki!));
    t.doesNotThrow(() => createVerifier('EC-P256', made[3]!.spki!));
  });

for (const { name, makeToken } of [softHsm, nss])
  t.test(`${name}: what does not do is refused by name, without PKCS#11 text in the message`, async (t) => {
    const { config, pin } = await makeToken(t);
    const nowhere = { environment: {}, libraryParameters: "configdir='sql:/nowhere' flags=" };
    const keys = [{ label: 'x', kind: 'EC-P256' as const }];
    const attempt = (change: object) => createResidentKeys({ ...config, pin: pin(), keys, ...change });
    await t.rejects(attempt({ pin: Buffer.from('wrong') }), {
      ...refused('tokenPinRefused'),
      message: /^((?!CKR).)*$/,
    });
    await t.rejects(attempt({ label: 'nobody' }), refused('tokenUnavailable'));
    await t.rejects(attempt(nowhere), refused('tokenUnavailable'));
    const token = { module: softHsmModule, tokenDirectory: shortDirectory(t), label: 'short', soPin: pin() };
    await t.rejects(initialiseSoftHsmToken({ ...token, pin: Buffer.from('abc') }), refused('tokenPinRefused'));
  });
