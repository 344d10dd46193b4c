import { generateKeyPairSync, sign } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import canonicalize from 'canonicalize';
import t, { type Test } from 'tap';
import { carryOut } from '../../src/ca/carry-out.ts';
import { outsideFetch } from '../../src/ca/external/fetch.ts';
import { importCertificate, waitingRequests } from '../../src/ca/external/import.ts';
import { again, interval, outsideHealth, pollOutside } from '../../src/ca/external/poll.ts';
import { addTrustAnchor } from '../../src/ca/external/trust.ts';
import { startFeed } from '../../src/ca/feed.ts';
import { hold, release, resumeRevocations, revoke } from '../../src/ca/revoke.ts';
import { sandboxIssuer, sandboxOrders } from '../../src/ca/sandbox.ts';
import type { FeedPayload, Order } from '../../src/ipc/feed.ts';
import { assembleRequest, readRequest, requestInfo } from '../../src/pki/csr.ts';
import { encodeName } from '../../src/pki/names.ts';
import { newestFeedNumber } from '../../src/store/ca/feed-head.ts';
import { caToken, type FakeSigner, fakeSigner, line, newAuthority } from '../helpers/certification-authority.ts';
import { dying } from '../helpers/dying.ts';
import { outcomes } from '../helpers/outcomes.ts';
import { outsideCa } from '../helpers/outside-ca.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import type { Stores } from '../helpers/stores.ts';

const token = await caToken(t);
const fetch = outsideFetch({ privateAddresses: true });

/** A key as a signer makes one that is asked for a request, and its proof for any subject. */
function requestingKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const requestFor = (subject: Buffer) => {
    const info = requestInfo(subject, spki);
    return assembleRequest(info, sign('sha256', info, privateKey));
  };
  return { spki, requestFor };
}

/** The signer of the other tests, whose keys sign requests. `forge` answers the request of another key. */
function requestingSigner(): FakeSigner & { keys: ReturnType<typeof requestingKey>[]; forge: boolean } {
  const signer = Object.assign(fakeSigner(), { keys: [] as ReturnType<typeof requestingKey>[], forge: false });
  const { call } = signer.peer;
  signer.peer.call = async (method, params) => {
    const answer = (await call(method, params)) as { number: number; attestation?: object };
    if (method !== 'feed.push' || !answer.attestation) return answer as never;
    const payload: FeedPayload = JSON.parse((params as { payload: string }).payload);
    const order = (payload as { order: Extract<Order, { kind: 'makeKey' }> }).order;
    if (order.subject === undefined) return answer as never;
    const key = requestingKey();
    signer.keys.push(key);
    const { credentialID, subscriber, lineHash } = order;
    const spki = key.spki.toString('base64');
    const statement = canonicalize({ type: 'keyAttestation', credentialID, subscriber, spki, lineHash }) as string;
    const request = (signer.forge ? requestingKey() : key).requestFor(Buffer.from(order.subject, 'base64'));
    return { number: answer.number, attestation: signer.sign(statement), request: request.toString('base64') } as never;
  };
  return signer;
}

/** An answer that says another second, and reads as before. */
function bent(answer: Buffer): Buffer {
  const other = (_: string, time: string, second: string) => `${time}${second === '0' ? '1' : '0'}Z`;
  return Buffer.from(answer.toString('latin1').replace(/(\d{13})(\d)Z/, other), 'latin1');
}

async function setUp(t: Test, stores: Stores) {
  const signer = requestingSigner();
  const ca = await outsideCa(t);
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead };
  const { authority, store } = await newAuthority(stores, token, signer, clock);
  const feed = startFeed({ authority, signer: signer.peer, onError: (error) => t.fail(String(error)) });
  t.teardown(() => feed.close());
  const issuer = sandboxIssuer(authority, feed, () => {});
  let serial = 0;
  return {
    ...{ signer, ca, authority, store, feed },
    later: (milliseconds: number) => {
      ahead += milliseconds;
    },
    poll: () => pollOutside(authority, fetch),
    /** A credential whose line is for an outside authority, and the request of its key. */
    async ordered() {
      serial += 1;
      const { credentialID } = await issuer.issue({ ...line, serial, authority: 'external' });
      const found = (await waitingRequests(authority)).find(({ credential }) => credential === credentialID);
      return { credentialID, lineHash: found!.lineHash, request: Buffer.from(found!.request, 'base64') };
    },
    async imported(options?: Parameters<typeof ca.issue>[1]) {
      await addTrustAnchor(authority, ca.root, 'tester');
      const { request, credentialID, lineHash } = await this.ordered();
      const certificate = ca.issue(request, options);
      const { certificate: serialNumber } = await importCertificate(authority, certificate, [ca.issuing]);
      await carryOut(authority, feed, lineHash);
      return { credentialID, certificate, serialNumber: serialNumber! };
    },
    /** Another certificate for the key; answers its serial number. `meanwhile` is done while it is at the authority. */
    async renewed(
      of: { credentialID: string; serialNumber: string },
      meanwhile: () => Promise<unknown> = async () => {},
    ) {
      const { credentialID, serialNumber: certificate } = of;
      const order = sandboxOrders(authority);
      const { lineHash } = await order({ procedure: 'renew', credentialID, certificate, authority: 'external' });
      const [waiting] = await waitingRequests(authority);
      const next = ca.issue(Buffer.from(waiting!.request, 'base64'));
      await meanwhile();
      const { certificate: serialNumber } = await importCertificate(authority, next, [ca.issuing]);
      await carryOut(authority, feed, lineHash);
      return serialNumber!;
    },
    async statuses() {
      feed.wake();
      await feed.delivered(await newestFeedNumber(store.read));
      return signer.orders.filter((order) => order.kind === 'status');
    },
  };
}

const operator = { level: 'operator', name: 'tester' } as const;

await rulesOnBothEngines(t, {
  'a line for an outside authority: request out, certificate in, credential active, and signer has the chain': async (
    t,
    stores,
  ) => {
    const world = await setUp(t, stores);
    const { authority, ca, signer, store, feed } = world;
    const { credentialID, lineHash, request } = await world.ordered();
    t.ok(readRequest(request).spki.equals(signer.keys[0]!.spki));
    t.equal((await authority.rows.credentials.find(store.read, { id: credentialID }))?.status, 'pending');
    const certificate = ca.issue(request);
    const take = (offered = [ca.issuing]) => importCertificate(authority, certificate, offered);
    await t.rejects(take(), refused('orderRefused'), 'no root is enrolled');
    await addTrustAnchor(authority, ca.root, 'tester');
    await t.rejects(take([]), refused('orderRefused'), 'what stands between is missing');
    const done = await outcomes(Array.from({ length: 5 }, () => take()));
    t.equal(done.done, 1, 'once, of five at once');
    t.same(Object.keys(done).sort(), ['done', 'orderRefused']);
    await carryOut(authority, feed, lineHash);
    t.equal((await authority.rows.credentials.find(store.read, { id: credentialID }))?.status, 'active');
    const chain = [certificate, ca.issuing, ca.root].map((der) => der.toString('base64'));
    t.match(signer.orders.at(-1), { kind: 'certificate', credentialID, chain });
    t.same(await waitingRequests(authority), []);
    await t.rejects(take(), refused('orderRefused'), 'again');
  },

  'S76, S77: another key, subject, time or issuer is refused, and nothing is half imported': async (t, stores) => {
    const world = await setUp(t, stores);
    const { authority, ca, signer, store } = world;
    await addTrustAnchor(authority, ca.root, 'tester');
    const { request } = await world.ordered();
    const name = (commonName: string) =>
      encodeName({ country: 'VN', commonName, organisation: 'X', organisationalUnits: [] });
    const own = signer.keys[0]!;
    const signs = 'keyUsage=critical,digitalSignature\n';
    const { subject } = readRequest(request);
    const wrong: [string, Buffer, RegExp][] = [
      ['another key', ca.issue(requestingKey().requestFor(subject)), /no line waits/],
      ['another subject', ca.issue(own.requestFor(name('Ai đó'))), /missing.*too much/],
      ['a stranger’s', (await outsideCa(t)).issue(request), /no enrolled root/],
      ['an authority’s', ca.issue(request, { ca: true }), /an authority/],
      [
        'for encryption',
        ca.issue(request, { kind: 'keyUsage=critical,keyEncipherment\n' }),
        /neither digitalSignature/,
      ],
      ['for nothing', ca.issue(request, { kind: '' }), /neither digitalSignature/],
      [
        'with a condition',
        ca.issue(request, { kind: `${signs}1.2.3.4=critical,DER:0500\n` }),
        /not known here: 1\.2\.3\.4/,
      ],
    ];
    for (const [what, certificate, message] of wrong)
      await t.rejects(importCertificate(authority, certificate, [ca.issuing]), { kind: 'orderRefused', message }, what);
    const shallow = await outsideCa(t, 'CA:TRUE,pathlen:0');
    await addTrustAnchor(authority, shallow.root, 'tester');
    const below = importCertificate(authority, shallow.issue(request), [shallow.issuing]);
    await t.rejects(below, { kind: 'orderRefused', message: /no enrolled root/ }, 'a root that may have none between');
    const soon = ca.issue(request, { days: '1' });
    world.later(2 * 86_400_000);
    await t.rejects(importCertificate(authority, soon, [ca.issuing]), { message: /not valid now/ });
    t.same(await authority.rows.certificates.list(store.read, { authority: 'external' }), []);
    await t.rejects(addTrustAnchor(authority, ca.issuing, 'tester'), refused('orderRefused'), 'no root');
    await t.rejects(addTrustAnchor(authority, soon, 'tester'), refused('orderRefused'), 'no authority');
  },

  'S77: a key without a request of its own is refused with its line': async (t, stores) => {
    const { authority, feed, signer } = await setUp(t, stores);
    signer.forge = true;
    const issuer = sandboxIssuer(authority, feed, () => {});
    await t.rejects(issuer.issue({ ...line, serial: 9, authority: 'external' }), refused('attestationInvalid'));
  },

  'what OCSP or the CRL says reaches signer with the time of the source; nothing un-revokes': async (t, stores) => {
    for (const crlOnly of [false, true]) {
      const world = await setUp(t, stores);
      const { authority, ca } = world;
      const { certificate, credentialID, serialNumber } = await world.imported({ crlOnly });
      const heard = async () => (await world.statuses()).map((order) => (order.kind === 'status' ? order.status : ''));
      await world.poll();
      t.same(await heard(), [], 'good is what it was');
      t.match(await outsideHealth(authority), { certificates: 1, failing: 0 });
      ca.say(certificate, 'certificateHold');
      await world.poll();
      t.same(await heard(), [], 'not before its time');
      world.later(interval);
      await world.poll();
      const [order] = await world.statuses();
      t.match(order, { credentialID, serialNumber, status: 'hold', reason: 'certificateHold' });
      t.ok(order?.kind === 'status' && Math.abs(order.sourceAt! - Date.now()) < 60_000, 'when the source said so');
      await t.rejects(release(authority, { serialNumber, by: operator }), refused('orderRefused'), 'not ours to lift');
      ca.say(certificate, 'good');
      world.later(interval);
      await world.poll();
      ca.say(certificate, 'keyCompromise');
      world.later(interval);
      await Promise.all([world.poll(), world.poll()]);
      ca.say(certificate, 'good');
      world.later(interval);
      await world.poll();
      t.same(await heard(), ['hold', 'good', 'revoked'], crlOnly ? 'CRL' : 'OCSP');
      t.same(new Set(ca.asked), new Set([crlOnly ? '/ca.crl' : '/ocsp']));
    }
  },

  'an answer that is played again, or whose time is over, does not lift a hold': async (t, stores) => {
    for (const crlOnly of [false, true]) {
      const world = await setUp(t, stores);
      const { authority, ca, store } = world;
      const { certificate, serialNumber } = await world.imported({ crlOnly });
      const state = async () => (await authority.rows.certificates.find(store.read, { serialNumber }))?.revocation;
      await world.poll();
      await delay(1_100); // answers are dated in seconds
      ca.say(certificate, 'certificateHold');
      world.later(interval);
      await world.poll();
      t.equal(await state(), 'hold');
      const [good] = ca.answered;
      ca.instead = (answer) => answer.end(good);
      world.later(interval);
      await world.poll();
      t.equal(await state(), 'hold', 'the older word');
      world.later(30 * 3_600_000);
      await t.rejects(world.poll(), { message: /not in force/ });
      t.equal(await state(), 'hold');
    }
  },

  'our own hold and revocation stand beside the outside word, without an entry in a CRL of ours': async (t, stores) => {
    const world = await setUp(t, stores);
    const { authority, store } = world;
    const { serialNumber } = await world.imported();
    const state = async () => (await authority.rows.certificates.find(store.read, { serialNumber }))?.revocation;
    await hold(authority, { serialNumber, reason: 'organisationRequest', by: operator });
    await world.poll();
    t.equal(await state(), 'hold', 'good elsewhere does not lift it');
    await release(authority, { serialNumber, by: operator });
    t.equal(await state(), 'none');
    await revoke(authority, { serialNumber, reason: 'deceased', by: operator });
    t.equal(await state(), 'revoked');
    t.same(await authority.rows.crlEntries.list(store.read, {}), []);
  },

  'S78: what is heard of a certificate that signer is only being sent reaches signer behind it': async (t, stores) => {
    const world = await setUp(t, stores);
    const { authority, ca, signer } = world;
    await addTrustAnchor(authority, ca.root, 'tester');
    const { request } = await world.ordered();
    const certificate = ca.issue(request);
    await importCertificate(authority, certificate, [ca.issuing]);
    ca.say(certificate, 'certificateHold');
    await world.poll();
    t.match(await world.statuses(), [{ status: 'hold' }]);
    t.same(
      signer.orders.slice(-2).map(({ kind }) => kind),
      ['certificate', 'status'],
    );
  },

  'S78: a key that is compromised by the word about an earlier certificate ends with all of its certificates': async (
    t,
    stores,
  ) => {
    const world = await setUp(t, stores);
    const { authority, ca, store } = world;
    const first = await world.imported({ days: '90' });
    const second = await world.renewed(first);
    const state = async (serialNumber: string) =>
      (await authority.rows.certificates.find(store.read, { serialNumber }))?.revocation;
    ca.say(first.certificate, 'keyCompromise');
    await world.poll();
    t.match(await world.statuses(), [{ serialNumber: first.serialNumber, status: 'revoked', reason: 'keyCompromise' }]);
    await resumeRevocations(authority);
    t.same([await state(first.serialNumber), await state(second)], ['revoked', 'revoked']);
    t.match((await world.statuses()).at(-1), { serialNumber: second, status: 'revoked', reason: 'keyCompromise' });
  },

  'S78: an outside certificate that follows one which was held or revoked meanwhile is not taken': async (
    t,
    stores,
  ) => {
    const world = await setUp(t, stores);
    const { authority, store } = world;
    const first = await world.imported({ days: '90' });
    const { serialNumber } = first;
    await t.rejects(
      world.renewed(first, () => revoke(authority, { serialNumber, reason: 'deceased', by: operator })),
      { kind: 'orderRefused', message: /follows was revoked/ },
    );
    t.same((await authority.rows.lines.list(store.read, {})).map(({ status }) => status).sort(), ['active', 'refused']);
    t.equal((await authority.rows.certificates.list(store.read, { authority: 'external' })).length, 1);
    t.match(await authority.rows.credentials.find(store.read, { id: first.credentialID }), { line: null });
  },

  'an outside word waits until a command of our own is done with the certificate': async (t, stores) => {
    const world = await setUp(t, stores);
    const { authority, ca, store } = world;
    const { certificate, serialNumber } = await world.imported();
    const state = async () => (await authority.rows.certificates.find(store.read, { serialNumber }))?.revocation;
    const dead = dying(authority, 1, false).authority;
    await t.rejects(hold(dead, { serialNumber, reason: 'organisationRequest', by: operator }), /killed/);
    ca.say(certificate, 'keyCompromise');
    await world.poll();
    t.equal(await state(), 'none', 'our command is half done');
    await resumeRevocations(authority);
    t.equal(await state(), 'hold');
    await world.poll();
    t.equal(await state(), 'revoked', 'in the very next round');
    t.same(
      (await world.statuses()).map((order) => order.kind === 'status' && order.status),
      ['hold', 'revoked'],
    );
  },

  'a source that is away, lies or is too long changes nothing, and its age is told': async (t, stores) => {
    const world = await setUp(t, stores);
    const { authority, ca } = world;
    await world.imported();
    await world.poll();
    const stranger = await outsideCa(t);
    const { oldestAt } = await outsideHealth(authority);
    const bad: [string, NonNullable<typeof ca.instead>][] = [
      ['an error', (answer) => answer.writeHead(500).end()],
      ['a redirect', (answer) => answer.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end()],
      ['rubbish', (answer) => answer.end('rubbish')],
      ['another’s certificate', (answer) => answer.end(stranger.root)],
      ['100 kB', (answer) => answer.end(Buffer.alloc(100_000))],
      ['nothing', (answer) => answer.destroy()],
      ['another second under the same signature', (answer) => answer.end(bent(ca.answered.at(-1)!))],
    ];
    for (const [what, instead] of bad) {
      ca.instead = instead;
      world.later(what === 'an error' ? interval : again);
      await t.rejects(world.poll(), what);
      t.match(await outsideHealth(authority), { failing: 1, oldestAt }, what);
    }
    t.same(await world.statuses(), []);
    ca.instead = undefined;
    world.later(again);
    await world.poll();
    t.match(await outsideHealth(authority), { failing: 0 });
  },
});
