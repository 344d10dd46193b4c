/** Entry of the process that makes a token or its resident keys: one request, one answer. */
import pkcs11 from 'pkcs11js';
import { wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { createBackedUpKey, restoreKey } from './backup.ts';
import { toFailure } from './errors.ts';
import { closeSession, connect, findSlot, loadModule, openSession, type Session, tokenLabel } from './module.ts';
import { probe } from './probe.ts';
import type { BackupKey, InitAnswer, InitRequest, MadeKey, ResidentKeySpec, TokenDescription } from './protocol.ts';
import { paddedLabel } from './provider.ts';
import { createResidentKey, destroyResidentKey } from './resident-keys.ts';

process.once('message', async (request: InitRequest) => {
  const answer = await carryOut(request);
  process.send?.(answer);
});

async function carryOut(request: InitRequest): Promise<InitAnswer> {
  try {
    if (request.step === 'describeToken') return { is: 'done', made: [], described: await describe(request) };
    return { is: 'done', made: await perform(request) };
  } catch (error) {
    return { is: 'failed', ...toFailure(error) };
  }
}

async function describe(request: Extract<InitRequest, { step: 'describeToken' }>): Promise<TokenDescription> {
  const { module, slot } = await connect(request);
  const { label, serialNumber, manufacturerID, model } = module.C_GetTokenInfo(slot);
  const [name, serial, manufacturer, kind] = [label, serialNumber, manufacturerID, model].map((text) => text.trim());
  return { label: name!, serial: serial!, manufacturer: manufacturer!, model: kind! };
}

async function perform(request: Exclude<InitRequest, { step: 'describeToken' }>): Promise<MadeKey[]> {
  if (request.step === 'initialiseToken') {
    initialiseToken(request);
    return [];
  }
  const session = openSession(await connect(request));
  switch (request.step) {
    case 'createKeys':
      return oneByOne(request.keys, (key) => createKey(session, key, request.backup));
    case 'restoreKeys':
      return oneByOne(request.keys, (key) => restoreKey(session, key, request.backup)).finally(() =>
        wipe(request.backup.privateKey),
      );
    case 'destroyKey':
      destroyResidentKey(session, request.key);
      return [];
  }
}

async function createKey(session: Session, key: ResidentKeySpec, backup: BackupKey | undefined): Promise<MadeKey> {
  // A token that cannot wrap has no use for a KEK, and may not make one.
  if (key.kind === 'AES-256-KEK' && probe(session).custody === 'resident') return {};
  if (backup) return createBackedUpKey(session, key, backup);
  const spki = createResidentKey(session, key);
  return spki ? { spki } : {};
}

async function oneByOne<K>(keys: K[], make: (key: K) => Promise<MadeKey>): Promise<MadeKey[]> {
  const made: MadeKey[] = [];
  for (const key of keys) made.push(await make(key));
  return made;
}

/** C_InitToken wipes a token that is there already, so only a slot without one will do. */
function initialiseToken(request: Extract<InitRequest, { step: 'initialiseToken' }>): void {
  const { label, pin, soPin } = request;
  const module = loadModule(request.module);
  const slots = module.C_GetSlotList(true);
  if (slots.some((slot) => tokenLabel(module, slot) === label)) {
    throw new KysoError('configuration', `a token "${label}" exists already; it is never overwritten`);
  }
  const free = slots.find((slot) => tokenLabel(module, slot) === undefined);
  if (!free) throw new KysoError('tokenUnavailable', 'the PKCS#11 module has no slot for a new token');
  module.C_InitToken(free, soPin.toString(), paddedLabel(label));
  const session = openSession(findSlot(module, label));
  module.C_Login(session.handle, pkcs11.CKU_SO, soPin.toString());
  module.C_InitPIN(session.handle, pin.toString());
  closeSession(session);
  wipe(pin, soPin);
}
