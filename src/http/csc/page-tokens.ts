import { createHmac } from 'node:crypto';
import { decodeBase64Url } from '../../base/base64.ts';
import { equalBytes } from '../../base/bytes.ts';
import type { TokenKey } from './access-tokens.ts';

/** What says where the next page of somebody's list begins. Opaque to clients, and good for nobody else. */
export type PageTokens = {
  issue(subscriber: string, after: string): string;
  /** The last id of the page before; undefined for anything that was not issued to this subscriber. */
  read(subscriber: string, token: string): string | undefined;
};

export function pageTokens({ secret }: TokenKey): PageTokens {
  const macOf = (subscriber: string, after: string) =>
    createHmac('sha256', secret)
      .update(JSON.stringify(['page', subscriber, after]))
      .digest()
      .subarray(0, 16);
  return {
    issue: (subscriber, after) => Buffer.concat([macOf(subscriber, after), Buffer.from(after)]).toString('base64url'),
    read(subscriber, token) {
      const bytes = decodeBase64Url(token);
      if (!bytes || bytes.length <= 16) return undefined;
      const after = bytes.subarray(16).toString();
      return equalBytes(bytes.subarray(0, 16), macOf(subscriber, after)) ? after : undefined;
    },
  };
}
