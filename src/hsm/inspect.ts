import { randomUUID } from 'node:crypto';
import pkcs11 from 'pkcs11js';
import type { Capabilities } from './capabilities.ts';
import { tryEnforcement } from './enforcement.ts';
import { toFailure } from './errors.ts';
import type { Inspection } from './inspection.ts';
import { closeSession, openSession, type Slot } from './module.ts';
import { findTokenObjects } from './objects.ts';
import { probe, selfTest } from './probe.ts';
import { softwareOf, wrapMechanisms } from './provider.ts';
import { destroyResident, generateResident, residentNames } from './resident-subscriber-keys.ts';

/** Tries it all, logged in. `shownBefore`: how many private objects were shown before the login. */
export function inspect(slot: Slot, shownBefore: number): Inspection {
  const { module } = slot;
  const [info, token] = [module.C_GetInfo(), module.C_GetTokenInfo(slot.slot)];
  const session = openSession(slot);
  try {
    const offered = module.C_GetMechanismList(slot.slot);
    const carried = whatItCarries(slot);
    const [first, second] = [0, 1].map(() => module.C_GenerateRandom(session.handle, Buffer.alloc(32)));
    const secrets = privateObjects(slot);
    return {
      module: {
        ...{ description: info.libraryDescription.trim(), manufacturer: info.manufacturerID.trim() },
        ...{ version: version(info.libraryVersion), cryptoki: version(info.cryptokiVersion) },
      },
      token: {
        ...{ label: token.label.trim(), manufacturer: token.manufacturerID.trim(), model: token.model.trim() },
        ...{ serial: token.serialNumber.trim(), firmware: version(token.firmwareVersion) },
      },
      software: softwareOf(module) ?? null,
      mechanisms: Object.fromEntries(Object.entries(used).map(([name, number]) => [name, offered.includes(number)])),
      ...carried,
      enforces: tryEnforcement(slot, { custody: carried.custody }),
      privateHidden: secrets === 0 ? null : shownBefore === 0,
      random: !first!.equals(second!) && !first!.equals(Buffer.alloc(32)),
      sessions: { limit: limitOf(token.maxSessionCount), opened: openMany(slot, 32) },
      residentKeys: residentNames(session).length,
    };
  } finally {
    closeSession(session);
  }
}

/** How many private and secret keys of the token this process is shown now. */
export function privateObjects(slot: Slot): number {
  const session = openSession(slot);
  try {
    return [pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_SECRET_KEY].flatMap((value) =>
      findTokenObjects(session, [{ type: pkcs11.CKA_CLASS, value }]),
    ).length;
  } finally {
    closeSession(session);
  }
}

const used: Record<string, number> = {
  ...wrapMechanisms,
  ...{ CKM_AES_KEY_GEN: pkcs11.CKM_AES_KEY_GEN, CKM_GENERIC_SECRET_KEY_GEN: pkcs11.CKM_GENERIC_SECRET_KEY_GEN },
  ...{ CKM_SHA256_HMAC: pkcs11.CKM_SHA256_HMAC, CKM_RSA_PKCS_KEY_PAIR_GEN: pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN },
  ...{ CKM_RSA_PKCS: pkcs11.CKM_RSA_PKCS, CKM_RSA_PKCS_PSS: pkcs11.CKM_RSA_PKCS_PSS },
  ...{ CKM_EC_KEY_PAIR_GEN: pkcs11.CKM_EC_KEY_PAIR_GEN, CKM_ECDSA: pkcs11.CKM_ECDSA },
};

type Carried = Pick<Inspection, 'wrapMechanism' | 'pss' | 'carries' | 'problem'> & Pick<Capabilities, 'custody'>;

/** By the self-test of a worker, and by a key that is kept for a moment. */
function whatItCarries(slot: Slot): Carried {
  let found: Capabilities | undefined;
  let problem: string | null = null;
  try {
    const offered = probe(slot);
    found = selfTest(slot, offered);
  } catch (error) {
    problem = toFailure(error).message;
  }
  const resident = found && keepsFor(slot, found) ? found.keyTypes : [];
  const wrapped = found && found.custody !== 'resident' ? found.keyTypes : [];
  const custody = found?.custody ?? 'resident';
  if (found && wrapped.length + resident.length === 0) problem = 'it can neither wrap keys nor keep them';
  return {
    ...{ custody, wrapMechanism: custody === 'resident' ? null : custody, pss: found?.pss ?? 'none' },
    ...{ carries: { wrapped, resident }, problem },
  };
}

/** Whether a subscriber's key can stay in the token: one is made there, used, and destroyed. */
function keepsFor(slot: Slot, capabilities: Capabilities): boolean {
  const name = `probe-${randomUUID()}`;
  const session = openSession(slot);
  try {
    generateResident(session, capabilities, capabilities.keyTypes.includes('EC-P256') ? 'EC-P256' : 'RSA-2048', {
      name,
    });
    return destroyResident(session, name);
  } catch {
    return false;
  } finally {
    closeSession(session);
  }
}

function openMany(slot: Slot, count: number): number {
  const sessions: ReturnType<typeof openSession>[] = [];
  try {
    while (sessions.length < count) sessions.push(openSession(slot));
  } catch {
    // that is the answer
  }
  for (const session of sessions) closeSession(session);
  return sessions.length;
}

/** CK_EFFECTIVELY_INFINITE is 0, CK_UNAVAILABLE_INFORMATION all ones. */
const limitOf = (count: number) => (count === 0 || count >= 0xffff_ffff ? null : count);

const version = ({ major, minor }: { major: number; minor: number }) => `${major}.${minor}`;
