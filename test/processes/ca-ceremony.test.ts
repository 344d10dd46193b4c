import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { sha256 } from '../../src/base/bytes.ts';
import { caInit } from '../../src/cli/ca-init.ts';
import { type Config, checkConfig, pathsOf } from '../../src/config.ts';
import { parseBackup } from '../../src/hsm/backup-file.ts';
import { initCa } from '../../src/processes/ca-ceremony.ts';
import * as custody from '../../src/processes/custody.ts';
import { enrolSigner } from '../../src/processes/init.ts';
import { initSigner } from '../../src/processes/signer-ceremony.ts';
import { openDomain } from '../../src/processes/stores.ts';
import { caDomain } from '../../src/store/ca/tables.ts';
import { openssl } from '../helpers/authority.ts';
import { refused } from '../helpers/refused.ts';
import { scriptedDialogue } from '../helpers/scripted-dialogue.ts';
import { softHsmModule } from '../helpers/softhsm.ts';
import { shortDirectory } from '../helpers/temp.ts';

const tools = { ...custody, initCa };
const persons = ['Nguyễn Văn An', 'Trần Thị Bình'];
const custodians = ['Lê Chi', 'Phạm Dũng', 'Vũ Giang'];

function serviceIn(directory: string): Config {
  const file = {
    ...{ mode: 'service', name: 'x', instance: 'signer-1', store: { engine: 'sqlite' } },
    http: { host: '127.0.0.1', port: 8700, trustedProxies: [] },
    pkcs11: { module: softHsmModule, workers: 1 },
  };
  writeFileSync(join(directory, 'kyso.json'), JSON.stringify(file));
  return checkConfig(file, directory);
}

/** Answers as the persons of a ceremony do who look at what is shown; `change` lets one of them slip. */
const attentive =
  (change: Record<string, string> = {}) =>
  (question: string, printed: string): string => {
    const slip = Object.keys(change).find((part) => question.includes(part));
    if (slip) return change[slip]!;
    if (question.startsWith('first person')) return persons[0]!;
    if (question.startsWith('second person')) return persons[1]!;
    const share = /^custodian of share (\d)/.exec(question)?.[1];
    if (share) return custodians[Number(share) - 1]!;
    if (question.includes('behind "check"'))
      return printed
        .match(/check \S+/g)!
        .at(-1)!
        .slice('check '.length);
    const id = /fingerprint of (\S+)/.exec(question)?.[1];
    return new RegExp(`  ${id}\\n(?:.*\\n)*?    SHA-256 +([0-9a-f]{8})`).exec(printed)![1]!.toUpperCase();
  };

t.test(
  'S84, S17: outside the sandbox two persons and the custodians hold the ceremony, and its record stays',
  async (t) => {
    const directory = shortDirectory(t);
    const config = serviceIn(directory);
    const paths = pathsOf(config);
    const args = ['--dir', directory, '--organisation', 'Sở Nội vụ', '--name', 'Kyso Sông Hồng'];
    const hold = (change?: Record<string, string>, more = args) => {
      const scripted = scriptedDialogue(attentive(change));
      return { ...scripted, done: caInit(more, tools, scripted.dialogue) };
    };
    const configuration = (message: RegExp) => ({ ...refused('configuration'), message });

    await t.rejects(hold().done, configuration(/kyso signer init first/));
    await initSigner(config, custody.custodyInFiles(join(directory, 'away'), 3, 2));
    await t.rejects(enrolSigner(config), configuration(/kyso ca init first/));
    await t.rejects(hold({}, ['--dir', directory]).done, configuration(/--organisation and --name/));
    await t.rejects(hold({ 'second person': ' nguyễn văn AN ' }).done, configuration(/two persons/));
    await t.rejects(hold({ 'custodian of share 2': 'lê chi' }).done, configuration(/custodian of its own/));
    await t.rejects(hold({ 'behind "check"': '0000-0000' }).done, configuration(/not the check of share 1/));
    await t.rejects(hold({}, [...args, '--no-backup']).done, configuration(/needs a backup/));
    await t.rejects(hold({}, [...args, '--threshold', '1']).done, configuration(/two persons to restore/));
    t.notOk(existsSync(paths.token('ca')), 'nothing was made yet');
    await t.rejects(
      initCa(config, { names: { organisation: 'x', name: 'y' }, custody: custody.custodyInFiles('/x', 3, 2) }),
      configuration(/two persons/),
      'nor without the dialogue',
    );

    const slip = hold({ [`${persons[1]}: type`]: '00000000' });
    await t.rejects(slip.done, configuration(/Trần Thị Bình did not confirm root-1/));
    t.match(slip.asked.at(-1), /^Trần Thị Bình: type the first 8 digits of the fingerprint of root-1/);
    t.notOk(existsSync(paths.token('ca')) || existsSync(join(paths.secrets, 'ca.pin')), 'its token is taken away');
    t.notOk(
      existsSync(paths.caRecord('')) || existsSync(paths.rootCertificate),
      'and nothing of it is shown to others',
    );

    mkdirSync(paths.feedKey);
    const held = hold();
    await t.rejects(held.done, configuration(/run "kyso ca init" again/), 'broken off behind its commit');
    t.ok(existsSync(paths.token('ca')), 'what counts keeps its token');
    t.notOk(existsSync(paths.rootCertificate));
    rmSync(paths.feedKey, { recursive: true });
    rmSync(paths.caBackup);
    const again = hold();
    t.equal(await again.done, 0, 'the next run ends it');
    t.notOk(
      again.asked.some((question) => /share|fingerprint/.test(question)),
      'without another ceremony',
    );
    const record = readFileSync(paths.caRecord(''), 'utf8');
    t.ok(held.printed.includes(record), 'the record is printed');
    for (const name of [...persons, ...custodians]) t.match(record, name);
    t.match(record, /Token: {3}kyso-ca, serial [0-9a-f]+, SoftHSM/);
    t.match(record, /Version: Kyso \d/);
    const root = openssl('x509', '-in', paths.rootCertificate, '-noout', '-fingerprint', '-sha256', '-subject');
    const fingerprint = /Fingerprint=(\S+)/.exec(root)![1]!.replaceAll(':', '').toLowerCase();
    t.match(record, fingerprint);
    t.match(root, /CN ?= ?Kyso S/);
    const feed = openssl('pkey', '-pubin', '-inform', 'DER', '-in', paths.feedKey, '-text', '-noout');
    t.match(feed, /prime256v1|P-256/);
    t.match(record, sha256(readFileSync(paths.feedKey)).toString('hex'), 'also the key that every signer enrols');

    const backup = parseBackup(readFileSync(paths.caBackup, 'utf8'), 'backup', 'ca');
    t.strictSame(
      [backup.shares, backup.threshold, backup.secrets.length],
      [3, 2, 9],
      'every key of the token is in it',
    );
    t.throws(
      () => parseBackup(JSON.stringify(backup), 'it', 'signer'),
      refused('configuration'),
      'and it is no signer’s',
    );
    const files = [paths.secrets, paths.enrolled, paths.own('ca')].flatMap((place) => readdirSync(place));
    t.notOk(
      files.some((name) => name.includes('share')),
      'no share stays on this machine',
    );

    await enrolSigner(config);
    t.ok(existsSync(paths.initialised), 'and the signer obeys this ca');
    const store = await openDomain(config, caDomain);
    const leaves = (await store.read.db.select().from(store.read.t.logLeaves)).map(({ leaf }) => JSON.parse(leaf));
    await store.close();
    const created = leaves.find(({ event }) => event === 'authority.created');
    t.equal(created.detail.record, sha256(record).toString('hex'), 'the log has the hash of the record');
    t.equal(created.detail['root-1'], fingerprint);
    t.ok(leaves.some(({ event }) => event === 'attestationKey.enrolled'));
    await t.rejects(hold().done, configuration(/is there already/), 'it is held once');
  },
);
