import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pkcs11, { type Handle, PKCS11 } from 'pkcs11js';
import { wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { CKR_GENERAL_ERROR, CKR_USER_ALREADY_LOGGED_IN, codeOf } from './errors.ts';
import type { TokenAddress } from './protocol.ts';

/** A slot of an initialised module. `onProgress` hears of each signature that was made there. */
export type Slot = { module: PKCS11; slot: Handle; onProgress?: () => void };

/**
 * An open session. `found` keeps the handles of token objects by class and label: they die with the session, so that
 * a handle never outlives what it was found on. `spoiled` asks for the session to be thrown away.
 */
export type Session = Slot & { handle: Handle; found: Map<string, Handle>; spoiled: boolean };

let initialised: PKCS11 | undefined;

/**
 * Loads the PKCS#11 library at `path` and initialises it: once per process (S49), and never in a worker thread.
 * @throws Error of pkcs11js — the library is missing or does not initialise
 */
export function loadModule(path: string, libraryParameters?: string): PKCS11 {
  if (initialised) {
    if (initialised.libPath !== path) throw new KysoError('internal', 'a second PKCS#11 module in one process');
    return initialised;
  }
  const module = new PKCS11(path);
  module.C_Initialize(libraryParameters === undefined ? undefined : { libraryParameters });
  initialised = module;
  return module;
}

/**
 * The slot whose token has this label.
 * @throws KysoError tokenUnavailable — no token has the label, or several have; the message names the fix
 */
export function findSlot(module: PKCS11, label: string): Slot {
  const matching = module.C_GetSlotList(true).filter((slot) => tokenLabel(module, slot) === label);
  const [slot] = matching;
  if (slot && matching.length === 1) return { module, slot };
  const fix = slot
    ? 'several tokens have it; give each token a label of its own'
    : 'create the token ("kyso signer init", "kyso ca init") or correct pkcs11 in kyso.json (docs/tokens.md)';
  throw new KysoError('tokenUnavailable', `no single PKCS#11 token is labelled "${label}": ${fix}`);
}

/** The label of the token in a slot, without its padding; undefined where the token is not initialised. */
export function tokenLabel(module: PKCS11, slot: Handle): string | undefined {
  const { label, flags } = module.C_GetTokenInfo(slot);
  return flags & pkcs11.CKF_TOKEN_INITIALIZED ? label.trim() : undefined;
}

/** Opens a read-write session: private session objects can be made in no other. Login state is per process, not here. */
export function openSession(slot: Slot): Session {
  const handle = slot.module.C_OpenSession(slot.slot, pkcs11.CKF_RW_SESSION | pkcs11.CKF_SERIAL_SESSION);
  return { ...slot, handle, found: new Map(), spoiled: false };
}

/**
 * Closes a session, which destroys its session objects and ends whatever operation it was left in. Tried twice, since
 * one that stays open is lost to this process; when the token runs out of them, CKR_SESSION_COUNT asks for a new one.
 */
export function closeSession({ module, handle }: Session): void {
  for (let attempt = 1; attempt <= 2; attempt++) {
    try {
      return void module.C_CloseSession(handle);
    } catch {
      // the handle is not used again
    }
  }
}

const loginTries = 5;

/**
 * Logs the process in to the token, for as long as any session is open. CKR_GENERAL_ERROR is what SoftHSM 2.6.1
 * answers when two processes log in at once: tried again after a random wait.
 * @throws Error of pkcs11js — CKR_PIN_… when the PIN is refused (never tried again), anything else after five tries
 */
export async function login(session: Session, pin: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return session.module.C_Login(session.handle, pkcs11.CKU_USER, pin);
    } catch (error) {
      const code = codeOf(error);
      if (code === CKR_USER_ALREADY_LOGGED_IN) return;
      if (code !== CKR_GENERAL_ERROR || attempt === loginTries) throw error;
    }
    await delay(randomInt(20, 100) * attempt);
  }
}

/**
 * Loads the module, finds the token and logs in. The session of the login stays open unused, because closing the last
 * session of a process logs it out. Wipes `pin`; the string that pkcs11js wants is left to the garbage collector.
 */
export async function connect({ pin, ...address }: TokenAddress & { pin: Buffer }): Promise<Slot> {
  try {
    const slot = findSlot(loadModule(address.module, address.libraryParameters), address.label);
    await login(openSession(slot), pin.toString());
    return slot;
  } finally {
    wipe(pin);
  }
}

/** Ends the use of the module: closes every session of this process, so that none is left behind in the HSM. */
export function finalizeModule(): void {
  try {
    initialised?.C_Finalize();
  } catch {
    // the process ends, and its sessions with it
  }
}
