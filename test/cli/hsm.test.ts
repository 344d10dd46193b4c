import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkConfig, tokenOf } from '../../src/config.ts';
import type { Inspection } from '../../src/hsm/inspection.ts';
import { initCa } from '../../src/processes/ca-ceremony.ts';
import { enrolSigner } from '../../src/processes/init.ts';
import { initSigner } from '../../src/processes/signer-ceremony.ts';
import { openToken } from '../../src/processes/tokens.ts';
import { refused } from '../helpers/refused.ts';
import { softHsmModule } from '../helpers/softhsm.ts';
import { shortDirectory } from '../helpers/temp.ts';
import { nss, softHsm } from '../helpers/tokens.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

/** `kyso …` with a clean environment, by way of env(1). */
function kyso(args: string[], input = '') {
  const command = ['-i', `PATH=${process.env.PATH}`, process.execPath, main, ...args];
  return spawnSync('env', command, { input, encoding: 'utf8' });
}

const base = {
  ...{ mode: 'sandbox', name: 'x', instance: 'signer-1', store: { engine: 'sqlite' } },
  http: { host: '127.0.0.1', port: 8700, trustedProxies: [] },
};

t.test('an installation on two tokens of another module, each with what its C_Initialize needs', async (t) => {
  const directory = shortDirectory(t);
  const tokens = { signer: await nss.makeToken(t, [], 'our signer'), ca: await nss.makeToken(t, [], 'our ca') };
  const place = ({ config }: typeof tokens.ca) => ({
    label: config.label,
    libraryParameters: config.libraryParameters!,
  });
  const pkcs11 = {
    module: tokens.signer.config.module,
    workers: 1,
    signer: place(tokens.signer),
    ca: place(tokens.ca),
  };
  const file = { ...base, pkcs11 };
  writeFileSync(join(directory, 'kyso.json'), JSON.stringify(file));
  const config = checkConfig(file, directory);
  await t.rejects(
    initSigner(config),
    { ...refused('configuration'), message: /signer\.pin/ },
    'its PIN is not there yet',
  );
  mkdirSync(join(directory, 'secrets'), { recursive: true });
  for (const owner of ['signer', 'ca'] as const)
    writeFileSync(join(directory, 'secrets', `${owner}.pin`), `${tokens[owner].pin()}\n`);
  await initSigner(config);
  await initCa(config);
  await enrolSigner(config);
  const token = await openToken(config, 'ca', tokens.ca.pin());
  t.teardown(() => token.stop());
  t.equal((await token.publicKey({ label: 'kyso-ca-root-1' })).keyType, 'RSA-3072');

  const probed = kyso(['hsm', 'probe', 'ca', '--dir', directory, '--json']);
  t.equal(probed.status, 0, probed.stderr);
  const found = JSON.parse(probed.stdout) as Inspection;
  t.match(found, { token: { label: 'our ca' }, software: 'NSS softokn', enforces: { allowedMechanisms: false } });
  const people = kyso(['hsm', 'probe', '--dir', directory]);
  t.match(people.stdout, /^token +our signer \(Mozilla Foundation/);
  t.match(people.stdout, /✓ the secret of a sensitive key is not read/);
  t.match(people.stdout, /✗ CKA_ALLOWED_MECHANISMS is honoured/);
  t.match(people.stdout, /wrapped keys, kept outside +RSA-2048.*EC-P521/);
  t.match(people.stdout, /NSS softokn is software.*It is no HSM/);
});

t.test('a token that is not configured: the PIN is asked for, never an argument', async (t) => {
  const { config, pin } = await softHsm.makeToken(t);
  const [variable] = Object.entries(config.environment).map(([name, value]) => `${name}=${value}`);
  const named = ['hsm', 'probe', '--module', config.module, '--label', config.label, '--env', variable!];
  const good = kyso([...named, '--json'], `${pin()}\n`);
  t.equal(good.status, 0, good.stderr);
  t.match(JSON.parse(good.stdout), { software: 'SoftHSM', carries: { wrapped: ['RSA-2048'] } });
  const wrong = kyso(named, 'wrong\n');
  t.equal(wrong.status, 1);
  t.match(wrong.stderr, /refused the PIN/);
  t.notMatch(wrong.stderr, /CKR_/);
  for (const args of [
    ['hsm'],
    ['hsm', 'probe', 'api'],
    ['hsm', 'probe', '--label', 'x'],
    ['hsm', 'probe', '--module', '/x'],
    [...named, '--env', 'x'],
  ])
    t.equal(kyso(args).status, 1, args.join(' '));
  t.equal(kyso(['hsm', 'probe', '--pin', 'x']).status, 2, 'there is no such option');
  t.match(kyso(['hsm', '--help']).stdout, /^kyso hsm probe/);
});

t.test('S55: a PIN that the token refused is not tried again, by the probe neither', async (t) => {
  const directory = shortDirectory(t);
  const token = await softHsm.makeToken(t, undefined, 'ours');
  const pkcs11 = {
    module: softHsmModule,
    workers: 1,
    signer: { label: 'ours', environment: token.config.environment },
  };
  writeFileSync(join(directory, 'kyso.json'), JSON.stringify({ ...base, pkcs11 }));
  for (const part of ['secrets', 'signer']) mkdirSync(join(directory, part));
  writeFileSync(join(directory, 'secrets', 'signer.pin'), 'wrong');
  const probe = () => kyso(['hsm', 'probe', '--dir', directory]);
  t.match(probe().stderr, /refused the PIN/);
  t.match(probe().stderr, /a PIN that was refused is not tried again/);
  t.equal(readFileSync(join(directory, 'signer', 'token-pin-refused')).length, 32);
  writeFileSync(join(directory, 'secrets', 'signer.pin'), token.pin());
  t.equal(probe().status, 0, 'another one is');
});

t.test('the two tokens may differ; one that is not named is a SoftHSM token of Kyso’s', async (t) => {
  const pkcs11 = {
    module: '/m.so',
    workers: 3,
    ca: { module: '/other.so', label: 'x', workers: 1, environment: { A: 'b' } },
  };
  const config = checkConfig({ ...base, pkcs11 }, '/d');
  t.same(tokenOf(config, 'signer'), {
    ...{ own: true, token: { label: 'kyso-signer', module: '/m.so', workers: 3, environment: {} } },
  });
  t.same(tokenOf(config, 'ca'), {
    ...{ own: false, token: { label: 'x', module: '/other.so', workers: 1, environment: { A: 'b' } } },
  });
  for (const ca of [
    { label: '' },
    { label: 'x'.repeat(33) },
    { pin: '1' },
    { environment: { 'a b': 'c' } },
    { workers: 0 },
  ])
    t.throws(
      () => checkConfig({ ...base, pkcs11: { ...pkcs11, ca } }, '/d'),
      refused('configuration'),
      JSON.stringify(ca),
    );
});
