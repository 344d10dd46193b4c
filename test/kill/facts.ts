/** What the checker decides on: plain facts, whatever they were collected from. Digests are lower-case hex. */
export type Facts = { history: History; token: TokenSignature[]; signer: SignerStore; ca: CaStore; api: ApiStore };

/** What the clients were answered (and only what was answered with success, but for `wrong`). */
export type History = {
  issued: { credential: string }[];
  activated: { userID: string }[];
  /** `authorization` is SHA-256 of the SAD, as the signer keeps it. */
  authorized: { authorization: string; credential: string; hashes: string[] }[];
  /** `good`: how many of the signatures the certificate's key verifies. `key` is the request's Idempotency-Key. */
  released: { authorization: string; hashes: string[]; signatures: string; good: number; key?: string }[];
  /** Guesses that were answered as wrong, since the last right one. */
  wrong: { userID: string; factor: 'pin' | 'otp' | 'activation'; times: number }[];
};

/** A signature that the token made with a subscriber's key; `at` in epoch milliseconds, when it was made. */
export type TokenSignature = { digest: string; worker: number; at: number };

export type Leaf = { id: string; position: number | null; leafHash: string; leaf: string };
export type Log = { leaves: Leaf[]; size: number };

export type SignerStore = Log & {
  subscribers: { id: string; userID: string; status: string }[];
  vaults: { subscriber: string; openedBy: string }[];
  factors: { subscriber: string; pinFailures: number; otpFailures: number; activationFailures: number }[];
  keys: { id: string; credential: string; subscriber: string; spki: string }[];
  credentials: { id: string; key: string; certificateSpki?: string }[];
  /** `digests` in their places, and `spent` those of them that are marked. */
  authorizations: { id: string; total: number; remaining: number; open: number; digests: string[]; spent: string[] }[];
  signings: { id: string; authorization: string; signatures: number; outcome: string; startedAt: number }[];
};

export type CaStore = Log & {
  credentials: { id: string; status: string; certificate: string | null }[];
  lines: {
    lineHash: string;
    credential: string;
    status: string;
    keyOrder: number | null;
    certificate: string | null;
  }[];
  certificates: { serialNumber: string; credential: string; status: string }[];
  orders: number[];
};

export type ApiStore = { logins: string[] };
