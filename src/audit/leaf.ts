import canonicalize from 'canonicalize';
import { sha256 } from '../base/bytes.ts';
import { newTimeOrderedId } from '../base/ids.ts';

/**
 * One entry of the log, in its final form (RFC 8785 JSON). Personal data never stands here: people and things are
 * named by Kyso's own random ids. Bytes are lower-case hex.
 */
export type LeafFields = {
  event: string;
  /** Which of Kyso's parts or outside parties acted: a link name, a client, `signer`, `ca`. */
  actor: string;
  result: 'intended' | 'done' | 'refused' | 'failed' | 'unknown';
  /** The request id that the caller also got. */
  request?: string;
  subscriber?: string;
  credential?: string;
  /** SHA-256 of the SAD. */
  authorization?: string;
  signing?: string;
  hashes?: string[];
  algorithm?: string;
  /** Why, as one of Kyso's error kinds, or other facts of the event; never free text from a caller. */
  detail?: Record<string, string | number | boolean>;
};

/** When and in which life of the store: epoch ms, monotonic ms of the process, epoch of the store (S63, S69). */
export type LeafTime = { at: number; monotonic: number; epoch: string };

/** `subscriber` stands beside the text so that people find their own history; the text alone is what counts. */
export type Leaf = { id: string; leafHash: Buffer; leaf: string; subscriber: string | null };

/** Makes the canonical text of a leaf and its RFC 6962 §2.1 hash, SHA-256(0x00 ‖ text). */
export function makeLeaf(fields: LeafFields, time: LeafTime): Leaf {
  const leaf = canonicalize({ v: 1, ...fields, ...time }) as string;
  return {
    id: newTimeOrderedId(time.at),
    leafHash: sha256(`\0${leaf}`),
    leaf,
    subscriber: fields.subscriber ?? null,
  };
}
