import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { copyInstallation } from '../../src/cli/installation-backup.ts';
import { type CscError, cscClient } from '../../src/client/index.ts';
import { pathsOf } from '../../src/config.ts';
import { readShare } from '../../src/crypto/shares.ts';
import { parseBackup } from '../../src/hsm/backup-file.ts';
import { restoreSigner } from '../../src/processes/signer-ceremony.ts';
import { ecdsaWithSha256 } from '../helpers/person.ts';
import { refused } from '../helpers/refused.ts';
import { type Person, startSandbox, startServe } from '../helpers/sandbox.ts';
import { filesBelow } from '../helpers/secrets.ts';
import { shortDirectory } from '../helpers/temp.ts';
import { until } from '../helpers/until.ts';

t.test(
  'S69, S13, S17: the drill: signer’s machine is lost with its token, and comes back from copies and shares',
  async (t) => {
    const sandbox = await startSandbox(t);
    const { config, csc } = sandbox;
    const paths = pathsOf(config);
    const client = cscClient({ baseUrl: csc });
    const hash = [randomBytes(32)];
    const authorize = async (person: Person, accessToken: string) => {
      const request = {
        credentialID: person.credentialIDs[0]!,
        hash,
        PIN: person.holder.pin,
        OTP: await person.nextCode(),
      };
      return (await client.authorize(accessToken, request)).SAD;
    };
    const sign = (accessToken: string, person: Person, SAD: string) =>
      client.signHash(accessToken, { credentialID: person.credentialIDs[0]!, SAD, hash, signAlgo: ecdsaWithSha256 });

    const early = await sandbox.newPerson();
    const copies = join(shortDirectory(t), 'copies');
    copyInstallation(config, copies);
    const names = filesBelow(copies).map((file) => file.slice(copies.length + 1));
    t.notOk(
      names.some((name) => /token|secrets|\.pin|share/.test(name)),
      'no token, PIN or share is in the copies',
    );
    const late = await sandbox.newPerson();
    const session = await early.login();
    const sad = await authorize(early, session);

    await sandbox.stop();
    const shares = readdirSync(join(paths.secrets, 'shares')).map((name) =>
      readShare(readFileSync(join(paths.secrets, 'shares', name), 'utf8'), name),
    );
    t.equal(shares.length, 3);
    rmSync(paths.own('signer'), { recursive: true });
    cpSync(join(copies, 'signer'), paths.own('signer'), { recursive: true });
    const backup = parseBackup(readFileSync(paths.backup, 'utf8'), 'backup.json', 'signer');
    const few = restoreSigner(config, backup, shares.slice(0, 1));
    await t.rejects(few, { ...refused('configuration'), message: /2 different shares are needed, and only 1 came/ });
    const bent = { ...shares[0]!, value: randomBytes(32) };
    const wrong = restoreSigner(config, backup, [bent, shares[1]!]);
    await t.rejects(wrong, { ...refused('configuration'), message: /do not open this backup/ });
    const foreign = restoreSigner(
      config,
      backup,
      shares.map((share) => ({ ...share, ceremony: '0'.repeat(16) })),
    );
    await t.rejects(foreign, { ...refused('configuration'), message: /another ceremony/ });
    await restoreSigner(config, backup, [shares[2]!, shares[0]!]);
    const again = restoreSigner(config, backup, shares);
    await t.rejects(again, { ...refused('configuration'), message: /into an empty place/ });

    const restarted = startServe(config, []);
    let log = '';
    restarted.stderr?.on('data', (chunk) => {
      log += String(chunk);
    });
    t.teardown(async () => {
      restarted.kill('SIGTERM');
      await once(restarted, 'exit');
    });
    const ready = async () => (await fetch(`${sandbox.baseUrl}/health/ready`).catch(() => undefined))?.status === 200;
    await until(ready);
    await until(
      async () =>
        (await client.credentialsList(session).then(
          () => 200,
          (error) => error.status,
        )) === 401,
    );
    t.pass('a login from before is void');

    const accessToken = await early.login();
    const used = await sign(accessToken, early, sad).catch((error: CscError) => error.errorDescription);
    t.equal(used, 'Invalid parameter SAD', 'so is a SAD from before');
    // The steps of codes up to the restore are void, too: the first that counts comes within a minute.
    let fresh: string | undefined;
    for (let tries = 0; !fresh && tries < 4; tries += 1)
      fresh = await authorize(early, accessToken).catch(() => undefined);
    t.equal((await sign(accessToken, early, fresh!)).length, 1, 'the old PIN opens the old key in the new token');
    const lost = await late.login();
    t.same(
      await client.credentialsList(lost),
      [],
      'a key that is newer than the copies is gone, and its certificate with it',
    );
    t.notMatch(log, /status feed|start failed/, 'and ca’s orders went through');
  },
);
