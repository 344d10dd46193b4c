import type { KeyTypeName } from '../crypto/algorithms.ts';

/** How many signatures a worker makes and verifies in about 30 ms: so long does a batch hold up what comes after it. */
const most: Record<KeyTypeName, number> = {
  'RSA-2048': 50,
  'RSA-3072': 16,
  'RSA-4096': 8,
  'EC-P256': 250,
  'EC-P384': 16,
  'EC-P521': 10,
};

/**
 * Parts of a batch, as equal as can be and as few, since each unwraps the key anew. While all workers are `busy` they are
 * twice as long: then nobody takes a second part beside the first.
 */
export function slices<T>(keyType: KeyTypeName, batch: readonly T[], busy = false): T[][] {
  const count = Math.ceil(batch.length / (busy ? 2 * most[keyType] : most[keyType]));
  const size = Math.ceil(batch.length / count);
  return Array.from({ length: count }, (_, n) => batch.slice(n * size, (n + 1) * size));
}
