import { createHash, generateKeyPairSync, sign, verify } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Test } from 'tap';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { KysoError } from '../../src/base/errors.ts';
import { pkiUrlsAt } from '../../src/base/pki-urls.ts';
import type { CaAuthority } from '../../src/ca/authorities.ts';
import type { CaKey } from '../../src/ca/ca-token.ts';
import { enrolAttestationKey, initAuthority } from '../../src/ca/ceremony.ts';
import { type Authority, type Mode, openAuthority } from '../../src/ca/context.ts';
import { residentKeys } from '../../src/ca/kinds.ts';
import { sandboxOrders } from '../../src/ca/sandbox.ts';
import type { KeyTypeName } from '../../src/crypto/algorithms.ts';
import { startToken, type Token } from '../../src/hsm/pool.ts';
import type { Params, Peer, Result } from '../../src/ipc/contract.ts';
import {
  type Attestation,
  type AttestationPayload,
  type FeedPayload,
  type Order,
  orderHash,
} from '../../src/ipc/feed.ts';
import type { SandboxLine } from '../../src/ipc/line.ts';
import type { SignerContract } from '../../src/ipc/signer-contract.ts';
import { type CaStore, caDomain, type Line } from '../../src/store/ca/tables.ts';
import { testKeyPair } from './authority.ts';
import { makeSoftHsmToken } from './softhsm.ts';
import type { Stores } from './stores.ts';

export const line: SandboxLine = {
  userID: 'ntanh',
  name: 'Nguyễn Thị Ánh',
  email: 'ntanh@quangngai.gov.vn',
  phone: '+84901234567',
  keyType: 'EC-P256',
  otp: 'totp',
  serial: 1,
  subject: {
    commonName: 'Nguyễn Thị Ánh',
    organisation: 'ỦY BAN NHÂN DÂN TỈNH QUẢNG NGÃI',
    organisationalUnits: ['TRƯỜNG TRUNG HỌC CƠ SỞ SỐ 1'],
    locality: 'Quảng Ngãi',
  },
};

/** A SoftHSM token with ca's keys, running until the test ends. */
export async function caToken(t: Test): Promise<Token> {
  const { config, pin } = await makeSoftHsmToken(t, residentKeys, 'kyso-ca-test');
  const token = await startToken(config, pin(), { onPinRefused: () => t.fail('the PIN was refused') });
  t.teardown(() => token.stop());
  return token;
}

export const ceremonyNames = {
  names: { organisation: 'Kyso kiểm thử', name: 'Kiểm thử' },
  urls: pkiUrlsAt('http://127.0.0.1:8700/pki'),
};

/** An authority on a fresh store, after its ceremony, with the attestation key of `signer` enrolled. */
export async function newAuthority(
  stores: Stores,
  token: Token,
  signer: FakeSigner,
  clock: Clock = systemClock,
): Promise<{ store: CaStore; authority: Authority; open(mode?: Mode): Promise<Authority> }> {
  const store = await stores.open(caDomain);
  const { feedKey } = await initAuthority({ store, token, clock, ...ceremonyNames });
  await enrolAttestationKey({ store, token, clock }, signer.attestationKey);
  signer.obey(feedKey);
  const open = (mode: Mode = 'sandbox') => openAuthority({ store, token, clock, mode, urls: ceremonyNames.urls });
  return { store, authority: await open(), open };
}

/** The authority whose issuing keys sign by `sign`. */
export function withIssuingKey(authority: Authority, sign: CaKey['sign']): Authority {
  const { pki } = authority;
  const changed = <A extends CaAuthority>(each: A): A => ({ ...each, key: { ...each.key, sign } });
  return {
    ...authority,
    pki: {
      ...pki,
      issuerOf: (keyType) => changed(pki.issuerOf(keyType)),
      byId: (id) => {
        const found = pki.byId(id);
        return found && changed(found);
      },
    },
  };
}

/** A signer as ca sees it: what the contract says, without vaults, and with faults on demand. */
export type FakeSigner = {
  peer: Peer<SignerContract>;
  attestationKey: Buffer;
  sign(statement: string): Attestation;
  obey(feedKey: Buffer): void;
  /** Applied orders; its length is the signer's position. */
  orders: Order[];
  /** The hash of the newest of them. */
  head: string;
  heartbeats: Extract<FeedPayload, { type: 'heartbeat' }>[];
  /** How often it was asked for its position. */
  positions: number;
  online: boolean;
  /** Changes what it answers: lose an answer, forge an attestation. */
  answer: (attestation: Attestation | undefined) => Attestation | undefined;
};

export function fakeSigner(): FakeSigner {
  const attestationPair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const attestations = new Map<number, Attestation>();
  let caKey: Buffer | undefined;

  function receive({ payload: text, signature }: Params<SignerContract, 'feed.push'>) {
    const key = { key: caKey as Buffer, format: 'der' as const, type: 'spki' as const };
    const genuine = verify('sha256', Buffer.from(text), key, Buffer.from(signature, 'base64'));
    if (!genuine) throw new KysoError('integrity', 'not signed by ca');
    const payload: FeedPayload = JSON.parse(text);
    if (payload.type === 'heartbeat') {
      fake.heartbeats.push(payload);
      return { number: fake.orders.length };
    }
    if (payload.number > fake.orders.length + 1) throw new KysoError('requestInvalid', 'a number was skipped');
    if (payload.number === fake.orders.length + 1) {
      fake.orders.push(payload.order);
      fake.head = orderHash(text);
      if (payload.order.kind === 'makeKey')
        attestations.set(payload.number, attestationFor(fake, attestedFacts(payload.order)));
    }
    const attestation = fake.answer(attestations.get(payload.number));
    return { number: fake.orders.length, ...(attestation && { attestation }) };
  }

  const peer: Peer<SignerContract> = {
    async call(method, params) {
      if (!fake.online) throw new KysoError('unavailable', 'no connection');
      if (method === 'feed.position') fake.positions += 1;
      const result =
        method === 'feed.position'
          ? { number: fake.orders.length, head: fake.head }
          : receive(params as Params<SignerContract, 'feed.push'>);
      return result as Result<SignerContract, typeof method>;
    },
    connected: () => fake.online,
    close: () => {},
  };
  const fake: FakeSigner = {
    peer,
    attestationKey: attestationPair.publicKey.export({ format: 'der', type: 'spki' }),
    obey: (feedKey) => {
      caKey = feedKey;
    },
    orders: [],
    head: '',
    heartbeats: [],
    positions: 0,
    online: true,
    answer: (attestation) => attestation,
    sign: (statement) => ({
      statement,
      signature: sign('sha256', Buffer.from(statement), attestationPair.privateKey).toString('base64'),
    }),
  };
  return fake;
}

/** The sandbox organisation of each authority: opening it anew retires the one before. */
const orders = new WeakMap<Authority, ReturnType<typeof sandboxOrders>>();

/** A sandbox line that is ordered, with what signer is to attest of its key. */
export async function ordered(
  authority: Authority,
  sandboxLine: SandboxLine,
): Promise<Line & Attested & { keyOrder: number }> {
  const order = orders.get(authority) ?? sandboxOrders(authority);
  orders.set(authority, order);
  const line = await order({ procedure: 'issue', ...sandboxLine });
  const credential = await authority.rows.credentials.find(authority.store.read, { id: line.credential });
  if (!credential) throw new Error('the line has no credential');
  const { id, subscriber, keyType } = credential;
  return { ...line, id, subscriber, keyType, keyOrder: line.keyOrder ?? 0 };
}

/** Which key is attested: the facts of a credential of ca, or of an order to make a key. */
type Attested = { id: string; subscriber: string; keyType: string; lineHash: string };

function attestedFacts(order: Extract<Order, { kind: 'makeKey' }>): Attested {
  const lineHash = Buffer.from(order.lineHash, 'base64').toString('hex');
  return { id: order.credentialID, subscriber: order.subscriber, keyType: order.keyType, lineHash };
}

/** What `signer` attests of a fresh key for this credential; `change` forges fields of the statement. */
export function attestationFor(
  signer: Pick<FakeSigner, 'sign'>,
  { id, subscriber, keyType, lineHash }: Attested,
  change: Partial<AttestationPayload> = {},
): Attestation {
  const { publicKey } = testKeyPair(keyType as KeyTypeName);
  const statement: AttestationPayload = {
    type: 'keyAttestation',
    credentialID: id,
    subscriber,
    spki: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    lineHash: Buffer.from(lineHash, 'hex').toString('base64'),
    ...change,
  };
  return signer.sign(canonicalize(statement) as string);
}

export const hexDigest = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
