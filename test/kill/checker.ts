import { checkIssuing } from './check-issuing.ts';
import { checkLog } from './check-log.ts';
import { checkSignatures } from './check-signatures.ts';
import { checkStores } from './check-stores.ts';
import type { Facts } from './facts.ts';

/**
 * Decides whether what is left after the kills is what should be: each hash spent at most once and released at most
 * once, every answer recorded, counters not below the tries, no orphans, a log without gaps. One sentence for each
 * thing that is wrong; none when all is well.
 */
export function check(facts: Facts): string[] {
  return [
    ...checkSignatures(facts),
    ...checkStores(facts),
    ...checkIssuing(facts),
    ...checkLog('signer', facts.signer),
    ...checkLog('ca', facts.ca),
  ];
}
