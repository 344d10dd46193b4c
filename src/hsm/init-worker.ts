/** Entry of the process that makes a token or its resident keys: one request, one answer. */
import pkcs11 from 'pkcs11js';
import { wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { toFailure } from './errors.ts';
import { closeSession, connect, findSlot, loadModule, openSession, tokenLabel } from './module.ts';
import type { InitAnswer, InitRequest } from './protocol.ts';
import { paddedLabel } from './provider.ts';
import { createResidentKey } from './resident-keys.ts';

process.once('message', async (request: InitRequest) => {
  const answer = await carryOut(request);
  process.send?.(answer);
});

async function carryOut(request: InitRequest): Promise<InitAnswer> {
  try {
    if (request.step === 'createKeys') return { is: 'done', publicKeys: await createKeys(request) };
    initialiseToken(request);
    return { is: 'done', publicKeys: [] };
  } catch (error) {
    return { is: 'failed', ...toFailure(error) };
  }
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

async function createKeys(request: Extract<InitRequest, { step: 'createKeys' }>): Promise<(Buffer | undefined)[]> {
  const session = openSession(await connect(request));
  return request.keys.map((key) => createResidentKey(session, key));
}
