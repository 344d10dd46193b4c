import { carryOut } from '../ca/carry-out.ts';
import type { Authority } from '../ca/context.ts';
import { importCertificate, waitingRequests } from '../ca/external/import.ts';
import { addTrustAnchor, listTrustAnchors } from '../ca/external/trust.ts';
import type { Feed } from '../ca/feed.ts';
import type { CaContract } from '../ipc/ca-contract.ts';
import type { Handlers } from '../ipc/contract.ts';

const bytes = (base64: string) => Buffer.from(base64, 'base64');

/** Certificates of outside authorities. */
export function externalHandlers({ authority, feed }: { authority: Authority; feed: Feed }) {
  return {
    'external.requests': async () => ({ requests: await waitingRequests(authority) }),
    'external.import': async ({ certificate, chain }) => {
      const line = await importCertificate(authority, bytes(certificate), chain.map(bytes));
      await carryOut(authority, feed, line.lineHash);
      return { credential: line.credential, serialNumber: line.certificate ?? '' };
    },
    'external.trust': async ({ certificate, by }) => {
      if (certificate !== undefined) await addTrustAnchor(authority, bytes(certificate), by);
      return { anchors: await listTrustAnchors(authority) };
    },
  } satisfies Partial<Handlers<CaContract>>;
}
