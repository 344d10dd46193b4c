import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { KysoError, kindOf } from '../../src/base/errors.ts';
import { startFeed } from '../../src/ca/feed.ts';
import { sandboxIssuer } from '../../src/ca/sandbox.ts';
import type { Order } from '../../src/ipc/feed.ts';
import { readCertificate } from '../../src/pki/read.ts';
import {
  caToken,
  fakeSigner,
  line,
  newAuthority,
  ordered,
  withIssuingKey,
} from '../helpers/certification-authority.ts';
import { dying } from '../helpers/dying.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { until } from '../helpers/until.ts';

const token = await caToken(t);
const kindsOf = (orders: Order[]) => orders.map(({ kind }) => kind);

await rulesOnBothEngines(t, {
  'a line becomes an active credential whose certificate signer has': async (t, stores) => {
    const signer = fakeSigner();
    const { authority, store, open } = await newAuthority(stores, token, signer);
    const feed = startFeed({ authority, signer: signer.peer, onError: (error) => t.fail(String(error)) });
    t.teardown(() => feed.close());
    const issuer = sandboxIssuer(authority, feed, () => {});
    const issue = (serial: number) => issuer.issue({ ...line, serial });
    const [first, same, second] = await Promise.all([issue(1), issue(1), issue(2)]);
    t.strictSame(first, same, 'the same line, the same credential');
    t.equal(second.subscriber, first.subscriber);
    t.not(second.credentialID, first.credentialID);
    t.strictSame(await issue(1), first, 'also later');
    t.strictSame(kindsOf(signer.orders).sort(), ['certificate', 'certificate', 'makeKey', 'makeKey', 'subscriber']);
    const installed = signer.orders.filter((order) => order.kind === 'certificate');
    t.strictSame(
      installed.map(({ credentialID }) => credentialID).sort(),
      [first, second].map((c) => c.credentialID).sort(),
    );
    for (const { id } of await authority.rows.credentials.list(store.read, {})) {
      t.equal((await authority.rows.credentials.find(store.read, { id }))?.status, 'active');
    }

    const production = sandboxIssuer(await open('production'), feed, () => {});
    const elsewhere = production.issue({ ...line, serial: 3 });
    await t.rejects(elsewhere, refused('orderRefused'), 'outside the sandbox no sandbox line is a ground to issue');
  },

  'a key that signer cannot attest fails the line': async (t, stores) => {
    const signer = fakeSigner();
    const { authority } = await newAuthority(stores, token, signer);
    signer.answer = (attestation) => attestation && { ...attestation, statement: `${attestation.statement} ` };
    const feed = startFeed({ authority, signer: signer.peer, onError: (error) => t.fail(String(error)) });
    t.teardown(() => feed.close());
    await t.rejects(sandboxIssuer(authority, feed, () => {}).issue(line), refused('attestationInvalid'));
    t.notOk(kindsOf(signer.orders).includes('certificate'));
  },

  'S74: what failed for a while is gone on with, and what is under way is left alone': async (t, stores) => {
    const signer = fakeSigner();
    const { authority, store } = await newAuthority(stores, token, signer);
    const faults = { away: false };
    const flaky = withIssuingKey(authority, async (tbs) => {
      if (faults.away) throw new KysoError('tokenUnavailable', 'the token is away');
      return authority.pki.issuerOf(line.keyType).key.sign(tbs);
    });
    signer.online = false;
    const feed = startFeed({ authority: flaky, signer: signer.peer, onError: () => {} });
    t.teardown(() => feed.close());
    const failures: unknown[] = [];
    let waits = 0;
    const delivered = (number: number) => {
      waits += 1;
      return feed.delivered(number);
    };
    const issuer = sandboxIssuer(flaky, { ...feed, delivered }, (error) => failures.push(kindOf(error)));
    const { lineHash } = await ordered(flaky, line);
    const statusOf = async () => (await authority.rows.lines.find(store.read, { lineHash }))?.status;

    faults.away = true;
    const first = issuer.resume();
    await until(() => waits === 1);
    await Promise.race([issuer.resume(), delay(2_000)]);
    t.strictSame(
      [await statusOf(), waits, failures],
      ['ordered', 1, []],
      'a second call leaves alone what is under way',
    );
    signer.online = true;
    await first;
    t.strictSame(failures, ['tokenUnavailable'], 'and it was tried once');
    t.not(await statusOf(), 'active');
    faults.away = false;
    await issuer.resume();
    t.equal(await statusOf(), 'active', 'the next call ends it');
  },

  'S74, S89: a kill at any write ends in one key and one certificate after the restart': async (t, stores) => {
    const signer = fakeSigner();
    const { authority: healthy, store } = await newAuthority(stores, token, signer);
    let survived = false;
    for (let fatal = 1; !survived; fatal += 1) {
      for (const lost of [true, false]) {
        const serial = 2 * fatal + Number(lost);
        const { authority, death } = dying(healthy, fatal, lost);
        const feed = startFeed({ authority, signer: signer.peer, onError: () => {} });
        const attempt = sandboxIssuer(authority, feed, () => {}).issue({ ...line, serial });
        const outcome = await Promise.race([death, attempt.catch(() => death)]);
        await feed.close();
        await attempt.catch(() => {});
        survived = outcome !== 'killed';

        const restarted = startFeed({
          authority: healthy,
          signer: signer.peer,
          onError: (error) => t.fail(String(error)),
        });
        const issuer = sandboxIssuer(healthy, restarted, (error) => t.fail(String(error)));
        await issuer.resume();
        const { credentialID } = await issuer.issue({ ...line, serial });
        await restarted.close();
        const kinds = kindsOf(
          signer.orders.filter((order) => 'credentialID' in order && order.credentialID === credentialID),
        );
        const when = `killed ${lost ? 'before' : 'after'} write ${fatal}`;
        t.strictSame(kinds, ['makeKey', 'certificate'], when);
        const certificates = await healthy.rows.certificates.list(store.read, { credential: credentialID });
        t.strictSame(
          certificates.map(({ status }) => status),
          ['issued'],
          `${when}: one certificate, complete`,
        );
      }
    }
    const chains = signer.orders.filter((order) => order.kind === 'certificate').map(({ chain }) => chain[0] ?? '');
    const serials = chains.map((der) => readCertificate(Buffer.from(der, 'base64')).serialNumber);
    t.equal(new Set(serials).size, serials.length, 'serial numbers are unique');
    t.ok(serials.length >= 14, `the walk covered ${serials.length / 2} writes`);
  },
});
