import type { ShimCall } from '../helpers/shim.ts';
import type { TokenSignature } from './facts.ts';

/** Between the monotonic clock of the shim's times and epoch milliseconds. */
const wallClock = Date.now() - Number(process.hrtime.bigint()) / 1e6;

type Session = { found: boolean; made: boolean; unwrapped: boolean };

/**
 * The signatures that the token made with subscribers' keys, out of the shim's call log: those between an unwrapping
 * and the end of the unwrapped key. Left out are those of sessions that made their keys themselves (a key's proof when
 * it is made) or looked for no KEK in the token (the self-test of a worker that starts).
 */
export function subscriberSignatures(calls: ShimCall[], digestBytes: number): TokenSignature[] {
  const sessions = new Map<string, Session>();
  const signatures: TokenSignature[] = [];
  for (const { pid, session, function: name, real, input, time } of calls) {
    if (real !== 0) continue;
    const id = `${pid} ${session}`;
    if (name === 'C_OpenSession') sessions.set(id, { found: false, made: false, unwrapped: false });
    const state = sessions.get(id);
    if (!state) continue;
    if (name === 'C_FindObjectsInit') state.found = true;
    if (name === 'C_GenerateKeyPair') state.made = true;
    if (name === 'C_UnwrapKey') state.unwrapped = true;
    if (name === 'C_DestroyObject') state.unwrapped = false;
    if (name !== 'C_Sign' || !input || state.made || !state.found || !state.unwrapped) continue;
    const digest = input.subarray(-digestBytes).toString('hex');
    signatures.push({ digest, worker: pid, at: Number(time) / 1e6 + wallClock });
  }
  return signatures;
}
