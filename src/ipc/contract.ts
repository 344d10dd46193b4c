import type { Static, TSchema } from 'typebox';

/** Who calls: one name per direction between two processes. A link has its own key, so api cannot speak as ca. */
export type Link = 'api' | 'ca' | 'signer' | 'operator';

/** One message of a contract: who may send it, and the schemas of its question and its answer. */
export type Method = { links: readonly Link[]; params: TSchema; result: TSchema };
export type Contract = Record<string, Method>;

export type Params<C extends Contract, M extends keyof C> = Static<C[M]['params']>;
export type Result<C extends Contract, M extends keyof C> = Static<C[M]['result']>;

/** What a process offers on its socket: one function per method of its contract. */
export type Handlers<C extends Contract> = {
  [M in keyof C]: (params: Params<C, M>, link: Link) => Promise<Result<C, M>>;
};

/** What another process sees of it. Rejects with a KysoError of the kind that the handler threw, or `unavailable`. */
export type Peer<C extends Contract> = {
  call<M extends keyof C & string>(method: M, params: Params<C, M>): Promise<Result<C, M>>;
  /** True while a connection stands and both sides have proved their key. */
  connected(): boolean;
  close(): void;
};
