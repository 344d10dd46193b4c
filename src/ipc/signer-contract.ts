import Type, { type Static } from 'typebox';
import { Attestation, OrderHash, SignedFeed } from './feed.ts';
import {
  Bytes,
  Closed,
  DigestBytes,
  Empty,
  Id,
  IdempotencyKey,
  Instant,
  KeyTypeField,
  Oid,
  OtpField,
  Secret,
  Text,
  UserId,
} from './fields.ts';

/** Which login is asking. These fields can only narrow what a SAD allows; they never prove anything (design §4). */
const Caller = { subscriber: Id, client: Text(128), grant: Id, request: Text(64) };

/** The tables of signer whose rows carry MACs, in the order in which a check walks them. */
export const sealedTableNames = [
  ...(['settings', 'subscribers', 'vaults', 'factors', 'keys', 'credentials'] as const),
  ...(['authorizations', 'oneTimeCodes', 'totpMoves'] as const),
];
const SealedTableName = Type.Enum(sealedTableNames);

const Versioned = Type.Enum(['kek', 'pepper']);

const Halves = Closed({ email: Text(64), sms: Text(64) });

/** The most signatures of one authorization, and so of one signHash call (CSC `multisign`). */
export const multisign = 1000;

/** An entry of the log, as its subject sees it. `position` is its place in the log, once it has one. */
const HistoryEntry = Closed({
  at: Instant,
  event: Text(64),
  result: Type.Enum(['intended', 'done', 'refused', 'failed', 'unknown']),
  position: Type.Optional(Instant),
  credentialID: Type.Optional(Id),
  client: Type.Optional(Text(128)),
  signatures: Type.Optional(Type.Integer({ minimum: 0 })),
  detail: Type.Optional(Text(200)),
});
export type HistoryEntry = Static<typeof HistoryEntry>;

/** Messages that signer answers. */
export const signerContract = {
  'activation.begin': {
    links: ['api'],
    params: Closed({ userID: UserId, halves: Halves, request: Text(64) }),
    result: Closed({ totpSecret: Text(64), otpauthUri: Text(512) }),
  },
  'activation.complete': {
    links: ['api'],
    params: Closed({ userID: UserId, halves: Halves, pin: Secret, otp: Text(16), request: Text(64) }),
    result: Closed({ subscriber: Id }),
  },
  /** How an account stands, for its holder. */
  'account.status': {
    links: ['api'],
    params: Closed({ subscriber: Id }),
    result: Closed({
      userID: UserId,
      name: Text(200),
      status: Type.Enum(['created', 'active', 'frozen']),
      pinLockedUntil: Instant,
      otpLockedUntil: Instant,
      totpMove: Type.Optional(Closed({ expiresAt: Instant, effectiveAt: Type.Optional(Instant) })),
    }),
  },
  'account.changePin': {
    links: ['api'],
    params: Closed({ subscriber: Id, pin: Secret, newPin: Secret, request: Text(64) }),
    result: Empty,
  },
  /** api is about to change the login password, which is none of signer's: the holder is told by whoever can. */
  'account.passwordChange': { links: ['api'], params: Closed({ subscriber: Id, request: Text(64) }), result: Empty },
  /** Signing off at once, by the holder; every SAD that was given before is void. */
  'account.freeze': { links: ['api'], params: Closed({ subscriber: Id, request: Text(64) }), result: Empty },
  'account.unfreeze': {
    links: ['api'],
    params: Closed({ subscriber: Id, pin: Secret, otp: Text(16), request: Text(64) }),
    result: Empty,
  },
  /** What happened to the account and its keys, newest first. */
  'account.history': {
    links: ['api'],
    params: Closed({
      subscriber: Id,
      before: Type.Optional(Text(64)),
      limit: Type.Integer({ minimum: 1, maximum: 100 }),
    }),
    result: Closed({ entries: Type.Array(HistoryEntry), before: Type.Optional(Text(64)) }),
  },
  /** Whoever knows the person says that a new phone is theirs: the organisation; until the desk exists, an operator. */
  'totpMove.attest': {
    links: ['operator'],
    params: Closed({ userID: UserId, attestedBy: Text(100) }),
    result: Closed({ expiresAt: Instant }),
  },
  'totpMove.begin': {
    links: ['api'],
    params: Closed({ subscriber: Id, pin: Secret, request: Text(64) }),
    result: Closed({ totpSecret: Text(64), otpauthUri: Text(512) }),
  },
  /** A code proves that the new app has the seed; it counts 24 hours later, unless somebody cancels before. */
  'totpMove.confirm': {
    links: ['api'],
    params: Closed({ subscriber: Id, otp: Text(16), request: Text(64) }),
    result: Closed({ effectiveAt: Instant }),
  },
  'totpMove.cancel': { links: ['api'], params: Closed({ subscriber: Id, request: Text(64) }), result: Empty },
  'credentials.list': {
    links: ['api'],
    params: Closed({ subscriber: Id, after: Type.Optional(Id), limit: Type.Integer({ minimum: 1, maximum: 1000 }) }),
    /** Oldest first; `more`: there are others behind the last one. */
    result: Closed({ credentialIDs: Type.Array(Id), more: Type.Boolean() }),
  },
  'credentials.info': {
    links: ['api'],
    params: Closed({ subscriber: Id, credentialID: Id }),
    result: Closed({
      keyStatus: Type.Union([Type.Literal('enabled'), Type.Literal('disabled')]),
      keyType: KeyTypeField,
      /** The OIDs of `key.algo`: what key and token can do, preferred first. */
      signAlgos: Type.Array(Oid),
      otp: OtpField,
      certStatus: Type.Enum(['valid', 'expired', 'revoked', 'suspended']),
      chain: Type.Array(Bytes(16_384)),
    }),
  },
  'credentials.authorize': {
    links: ['api'],
    params: Closed({
      ...Caller,
      credentialID: Id,
      numSignatures: Type.Integer({ minimum: 1, maximum: multisign }),
      hashes: Type.Array(DigestBytes, { minItems: 1, maxItems: multisign }),
      /** Whether fewer hashes than signatures may be named, the rest by extendTransaction (design §4). */
      openSlots: Type.Boolean(),
      pin: Secret,
      otp: Text(16),
    }),
    result: Closed({ sad: Text(64), expiresIn: Type.Integer({ minimum: 1 }) }),
  },
  'credentials.sendOTP': { links: ['api'], params: Closed({ ...Caller, credentialID: Id }), result: Empty },
  'credentials.extendTransaction': {
    links: ['api'],
    params: Closed({
      ...Caller,
      credentialID: Id,
      sad: Text(256),
      hashes: Type.Array(DigestBytes, { maxItems: multisign }),
    }),
    result: Closed({ sad: Text(64), expiresIn: Type.Integer({ minimum: 1 }) }),
  },
  /** Whether a SAD is this caller's and allows these hashes, for the order in which signHash says what is wrong. */
  'sad.check': {
    links: ['api'],
    params: Closed({ ...Caller, sad: Text(256), hashes: Type.Array(DigestBytes, { maxItems: multisign }) }),
    result: Empty,
  },
  'signatures.signHash': {
    links: ['api'],
    params: Closed({
      ...Caller,
      sad: Text(256),
      credentialID: Id,
      hashes: Type.Array(DigestBytes, { minItems: 1, maxItems: multisign }),
      signAlgo: Oid,
      hashAlgo: Type.Optional(Oid),
      /** RSASSA-PSS-params (RFC 8017 A.2.3), DER. */
      signAlgoParams: Type.Optional(Bytes(512)),
      /** The caller's name for this request: asked again with it, the answer is the same and nothing more is spent. */
      idempotencyKey: Type.Optional(IdempotencyKey),
    }),
    result: Closed({ signatures: Type.Array(Bytes(2048)) }),
  },
  /** The newest order that signer has applied, and the hash of its text. */
  'feed.position': {
    links: ['ca'],
    params: Empty,
    result: Closed({ number: Type.Integer({ minimum: 0 }), head: OrderHash }),
  },
  'feed.push': {
    links: ['ca'],
    params: SignedFeed,
    result: Closed({
      number: Type.Integer({ minimum: 0 }),
      attestation: Type.Optional(Attestation),
      request: Type.Optional(Bytes(8192)),
    }),
  },
  /** This life of signer's store: when it is another one, whoever was logged in before is so no longer (S69). */
  epoch: { links: ['api'], params: Empty, result: Closed({ epoch: Id }) },
  /** A new version of the KEK or pepper; both versions work until the old one is retired. */
  'keys.rotate': { links: ['operator'], params: Closed({ key: Versioned }), result: Closed({ label: Text(64) }) },
  /** How many keys (KEK) and vaults (pepper) each version still opens. */
  'keys.rotation': {
    links: ['operator'],
    params: Empty,
    result: Closed({
      versions: Type.Array(
        Closed({
          key: Versioned,
          label: Text(64),
          current: Type.Boolean(),
          left: Instant,
          retired: Type.Optional(Type.Boolean()),
        }),
      ),
    }),
  },
  /** Ends an old version under which nothing is left. */
  'keys.retire': {
    links: ['operator'],
    params: Closed({ label: Text(64) }),
    result: Closed({ destroyedAt: Instant }),
  },
  /** What the log says of a request that came about then, and what its signatures relied on: chains of base64 DER. */
  evidence: {
    links: ['operator'],
    params: Closed({ request: Text(64), at: Instant }),
    result: Closed({
      leaves: Type.Array(Closed({ position: Type.Optional(Instant), leaf: Text(1_000_000) })),
      chains: Type.Array(Type.Array(Bytes(16_384))),
      messages: Type.Array(SignedFeed),
      feedKey: Bytes(1024),
    }),
  },
  /** Looks at some rows of a sealed table; `bad` are the keys of those that are not as Kyso wrote them. */
  'store.check': {
    links: ['operator'],
    params: Closed({
      table: Type.Optional(SealedTableName),
      after: Type.Optional(Text(128)),
      limit: Type.Integer({ minimum: 1, maximum: 1000 }),
    }),
    result: Closed({
      table: SealedTableName,
      checked: Instant,
      bad: Type.Array(Text(128)),
      next: Type.Optional(Closed({ table: SealedTableName, after: Type.Optional(Text(128)) })),
    }),
  },
  status: {
    links: ['api', 'operator'],
    params: Empty,
    result: Closed({
      ready: Type.Boolean(),
      token: Type.Boolean(),
      store: Type.Boolean(),
      feed: Type.Boolean(),
      /** Tables in which a row was found that Kyso did not write: kyso signer check names the rows. */
      tampered: Type.Optional(Type.Array(SealedTableName)),
      /** Kinds of keys that do not sign, since the PKCS#11 module lost what they need. */
      lost: Type.Optional(Type.Array(Text(200))),
      feedAge: Type.Optional(Instant),
      /** `delayed`: messages wait longer than they should, since a mail server or gateway is away. */
      notify: Type.Enum(['ok', 'delayed', 'away']),
    }),
  },
} as const;
export type SignerContract = typeof signerContract;
