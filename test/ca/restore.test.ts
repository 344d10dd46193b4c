import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../src/base/clock.ts';
import { type Authority, openAuthority } from '../../src/ca/context.ts';
import { publishShard } from '../../src/ca/crl.ts';
import { assertTokenOfStore } from '../../src/ca/own-token.ts';
import { rollovers } from '../../src/ca/rollover.ts';
import { copyInstallation } from '../../src/cli/installation-backup.ts';
import { type Config, pathsOf, pkiUrls } from '../../src/config.ts';
import { readShare } from '../../src/crypto/shares.ts';
import { parseBackup } from '../../src/hsm/backup-file.ts';
import { restoreCa } from '../../src/processes/ca-restore.ts';
import { initSandbox } from '../../src/processes/init.ts';
import { readPin } from '../../src/processes/secrets.ts';
import { openDomain } from '../../src/processes/stores.ts';
import { openToken } from '../../src/processes/tokens.ts';
import { caDomain } from '../../src/store/ca/tables.ts';
import { openssl, pemFiles } from '../helpers/authority.ts';
import { refused } from '../helpers/refused.ts';
import { freePort } from '../helpers/sandbox.ts';
import { filesBelow } from '../helpers/secrets.ts';
import { shortDirectory } from '../helpers/temp.ts';

/** What a starting ca does with its store and its token, and `use` before it stops. */
async function running<T>(config: Config, use: (parts: Awaited<ReturnType<typeof opened>>) => Promise<T>): Promise<T> {
  const parts = await opened(config);
  return use(parts).finally(async () => {
    await parts.token.stop();
    await parts.store.close();
  });
}

async function opened(config: Config) {
  const store = await openDomain(config, caDomain);
  const token = await openToken(config, 'ca', readPin(config, 'ca'));
  await assertTokenOfStore(store, token, systemClock);
  const authority = await openAuthority({ store, token, clock: systemClock, mode: 'sandbox', urls: pkiUrls(config) });
  return { store, token, authority };
}

const shard = 'issuing-rsa-1/1';
const numberOf = async ({ rows, store }: Authority) => (await rows.crls.find(store.read, { shard }))?.number ?? 0;
const epochs = ({ authority: { store } }: Awaited<ReturnType<typeof opened>>) =>
  store.read.db
    .select()
    .from(store.read.t.logLeaves)
    .then((leaves) => leaves.map(({ leaf }) => JSON.parse(leaf)).filter(({ event }) => event === 'epoch.begun'));

t.test('S69, S17: the drill: ca’s token is lost, and comes back from its backup and the shares', async (t) => {
  const directory = join(shortDirectory(t), 'd');
  const config = await initSandbox(directory, { port: await freePort(), store: { engine: 'sqlite' } });
  const paths = pathsOf(config);
  const before = await running(config, async ({ authority }) => {
    await publishShard(authority, shard);
    const certificates = authority.pki.all().map(({ certificate }) => certificate.toString('base64'));
    return { certificates, epoch: authority.epoch, feedKey: authority.feedKey.spki };
  });
  const copies = join(directory, 'copies');
  copyInstallation(config, copies);
  const names = filesBelow(copies).map((file) => file.slice(copies.length + 1));
  t.ok(names.includes('ca/backup.json') && names.includes('ca/store.db'), names.join(' '));
  t.notOk(
    names.some((name) => /token|secrets|\.pin|share/.test(name)),
    'no token, PIN or share is in the copies',
  );

  const lost = await running(config, async ({ authority }) => {
    await authority.store.write(async (tx) => {
      const row = await authority.rows.crlShards.lock(tx, { id: shard });
      await authority.rows.crlShards.replace(tx, row!, { revision: row!.revision + 1 });
    });
    t.ok(await publishShard(authority, shard), 'a CRL that no copy has');
    return numberOf(authority);
  });

  rmSync(paths.own('ca'), { recursive: true });
  rmSync(paths.feedKey);
  cpSync(join(copies, 'ca'), paths.own('ca'), { recursive: true });
  const directoryOfShares = join(paths.secrets, 'ca-shares');
  const shares = readdirSync(directoryOfShares).map((name) =>
    readShare(readFileSync(join(directoryOfShares, name), 'utf8'), name),
  );
  const backup = parseBackup(readFileSync(paths.caBackup, 'utf8'), 'backup.json', 'ca');
  const signers = readdirSync(join(paths.secrets, 'shares')).map((name) =>
    readShare(readFileSync(join(paths.secrets, 'shares', name), 'utf8'), name),
  );
  const configuration = (message: RegExp) => ({ ...refused('configuration'), message });
  await t.rejects(restoreCa(config, backup, shares.slice(0, 1)), configuration(/2 different shares/));
  await t.rejects(restoreCa(config, backup, signers), configuration(/another ceremony/), 'the signer’s shares');
  const few = { ...backup, secrets: backup.secrets.filter(({ label }) => label !== 'kyso-ca-issuing-ec-1') };
  await t.rejects(
    restoreCa(config, few, shares),
    configuration(/no key of issuing-ec-1/),
    'a backup of an earlier day',
  );
  await restoreCa(config, backup, [shares[2]!, shares[0]!]);
  await t.rejects(restoreCa(config, backup, shares), configuration(/into an empty place/));

  await running(config, async (parts) => {
    const { authority } = parts;
    t.strictSame(
      authority.pki.all().map(({ certificate }) => certificate.toString('base64')),
      before.certificates,
    );
    t.strictSame(authority.feedKey.spki, before.feedKey, 'the signer obeys it as before');
    t.strictSame(readFileSync(paths.feedKey), before.feedKey);
    for (const { id, key } of authority.pki.all()) t.ok((await key.sign(Buffer.from('new'))).length > 0, `${id} signs`);
    t.not(authority.epoch, before.epoch, 'in a new epoch');
    t.ok((await numberOf(authority)) < lost, 'the store knows an older CRL only');
    t.ok(await publishShard(authority, shard), 'so it makes a new one at once');
    t.ok((await numberOf(authority)) > lost, 'and its number does not go back (S78)');

    const { prepare, confirm } = rollovers({ ...parts, version: '1', keepBackup: () => {} });
    await confirm('tsa', await prepare('tsa'), []);
    const files = pemFiles(
      t.testdir(),
      Object.fromEntries(authority.pki.all().map((each) => [each.id, each.certificate])),
    );
    const strict = ['verify', '-x509_strict', '-CAfile', files['root-1']!, '-untrusted', files['issuing-rsa-1']!];
    for (const id of ['tsa-1', 'tsa-2', 'ocsp-rsa-1'])
      t.match(openssl(...strict, files[id]!), `${id}.pem: OK`, 'what was issued before and after verifies');
    t.match(await epochs(parts), [{ epoch: authority.epoch, detail: { before: before.epoch } }]);
  });
});
