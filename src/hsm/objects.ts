import pkcs11, { type Attribute, type Handle } from 'pkcs11js';
import { KysoError } from '../base/errors.ts';
import type { Session } from './module.ts';

const classes = {
  secret: pkcs11.CKO_SECRET_KEY,
  private: pkcs11.CKO_PRIVATE_KEY,
  public: pkcs11.CKO_PUBLIC_KEY,
};

/**
 * The one token object of this class and label.
 * @throws KysoError internal — there is none, or more than one
 * @throws KysoError tokenUnavailable — the token shows no object at all: its contents are gone
 */
export function findKey(session: Session, kind: keyof typeof classes, label: string): Handle {
  const name = `${kind} ${label}`;
  const known = session.found.get(name);
  if (known) return known;
  const handles = findTokenObjects(session, [
    { type: pkcs11.CKA_CLASS, value: classes[kind] },
    { type: pkcs11.CKA_LABEL, value: label },
  ]);
  const [handle] = handles;
  if (!handle) {
    assertTokenHasKeys(session);
    throw new KysoError('internal', `the token has no ${kind} key "${label}"`);
  }
  if (handles.length > 1) throw new KysoError('internal', `the token has several ${kind} keys "${label}"`);
  session.found.set(name, handle);
  return handle;
}

/** Handles of at most `limit` token objects that have all these attributes. */
export function findTokenObjects({ module, handle }: Session, attributes: Attribute[], limit = 2): Handle[] {
  module.C_FindObjectsInit(handle, [{ type: pkcs11.CKA_TOKEN, value: true }, ...attributes]);
  const found: Handle[] = [];
  for (let more = limit; more > 0; more = limit - found.length) {
    const next = module.C_FindObjects(handle, Math.min(more, 100));
    if (next.length === 0) break;
    found.push(...next);
  }
  module.C_FindObjectsFinal(handle);
  return found;
}

/**
 * A token that shows no object was emptied, or has lost its storage without saying so (SoftHSM does).
 * @throws KysoError tokenUnavailable — so it is
 */
export function assertTokenHasKeys(session: Session): void {
  if (findTokenObjects(session, []).length > 0) return;
  throw new KysoError(
    'tokenUnavailable',
    'the token shows no keys: restore it, or run "kyso signer init" or "ca init"',
  );
}

/** Runs `use` and destroys the session objects then, whatever happens. */
export function destroyedAfter<T>(session: Session, handles: Handle[], use: () => T): T {
  try {
    return use();
  } finally {
    for (const handle of handles) destroy(session, handle);
  }
}

/** Destroys a session object; where that fails, closing the session will do it. */
function destroy(session: Session, handle: Handle): void {
  try {
    session.module.C_DestroyObject(session.handle, handle);
  } catch {
    session.spoiled = true;
  }
}
