import { createPublicKey } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { rowMac } from '../crypto/row-mac.ts';
import type { Token } from '../hsm/pool.ts';
import type { Handlers, Peer } from '../ipc/contract.ts';
import type { NotifyContract } from '../ipc/notify-contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { openLog } from '../store/log.ts';
import { signerRows } from '../store/signer/rows.ts';
import type { SignerStore } from '../store/signer/tables.ts';
import { accountStatus, freeze, tellPasswordChange, unfreeze } from './account.ts';
import { beginActivation, completeActivation } from './activate.ts';
import { authorize } from './authorize.ts';
import { changePin } from './change-pin.ts';
import { checkSad } from './check-sad.ts';
import { sendOTP, usualCodeLimits } from './codes.ts';
import { type CodeLimits, type Signer, tokenLabels } from './context.ts';
import { describeCredential, listCredentials } from './credentials.ts';
import { extendTransaction } from './extend.ts';
import { feedReceiver } from './feed.ts';
import { feedState, formatPlace, parsePlace } from './feed-state.ts';
import { history } from './history.ts';
import { collectOrphan } from './kept-keys.ts';
import { dispatchNotices, type NoticeDispatch } from './notices.ts';
import { assertRowsOfToken, assertTokenOfStore } from './own-token.ts';
import { counting } from './refusals.ts';
import { readSetting, writeSetting } from './settings.ts';
import { signHash, sweep } from './sign.ts';
import { trustedTime } from './time.ts';
import { attestMove, beginMove, cancelMove, confirmMove } from './totp-move.ts';
import { lossOf, lostKinds, readKeyKinds } from './usable-keys.ts';

type Parts = Pick<Signer, 'store' | 'token' | 'clock' | 'instance' | 'pinCost'> & {
  codeLimits?: CodeLimits;
  notify: Peer<NotifyContract>;
  /** Told what goes wrong outside a call. */
  onError: (error: unknown) => void;
};

export type StartedSigner = { signer: Signer; handlers: Handlers<SignerContract>; notices: NoticeDispatch };

/** The rows of the signer's store under the MAC key that its token makes. */
async function openRows(store: SignerStore, token: Token) {
  const mac = rowMac(await token.hmac({ label: tokenLabels.rowMac, data: Buffer.from('kyso signer rows') }));
  return { mac, rows: signerRows(store.read.t, mac) };
}

/** `kyso signer init`: gives a new store its epoch and remembers the token that it belongs to. Returns the attestation key. */
export async function initialiseSignerStore(store: SignerStore, token: Token): Promise<Buffer> {
  const { rows } = await openRows(store, token);
  const { spki } = await token.publicKey({ label: tokenLabels.attestation });
  await store.write(async (tx) => {
    await openLog(tx);
    await writeSetting({ rows }, tx, 'epoch', newId());
    await writeSetting({ rows }, tx, 'feedPlace', formatPlace(parsePlace(undefined)));
    await writeSetting({ rows }, tx, 'attestationKey', spki.toString('base64'));
  });
  return spki;
}

/** `kyso signer enrol`: from now on this signer obeys the ca that holds the private half of `spki`. */
export async function enrolCa(store: SignerStore, token: Token, spki: Buffer): Promise<void> {
  const { rows } = await openRows(store, token);
  createPublicKey({ key: spki, format: 'der', type: 'spki' });
  await store.write((tx) => writeSetting({ rows }, tx, 'caFeedKey', spki.toString('base64')));
}

/**
 * Opens the signature activation module on an initialised store and token, and sweeps what a former life left.
 * @throws KysoError configuration — not initialised, no ca enrolled, or this token does not belong to this store
 */
export async function startSigner({
  notify,
  onError,
  codeLimits = usualCodeLimits,
  ...parts
}: Parts): Promise<StartedSigner> {
  const { store, token, clock } = parts;
  await assertTokenOfStore(store, token);
  const { mac, rows } = await openRows(store, token);
  await assertRowsOfToken(store, rows);
  const read = (name: Parameters<typeof readSetting>[2]) => readSetting(rows, store.read, name);
  const [epoch, place, lastInstant, caFeedKey, attestationKey] = await Promise.all([
    read('epoch'),
    read('feedPlace'),
    read('lastInstant'),
    read('caFeedKey'),
    read('attestationKey'),
  ]);
  if (!epoch || !attestationKey)
    throw new KysoError('configuration', 'the signer is not initialised: run kyso signer init');
  if (!caFeedKey) throw new KysoError('configuration', 'no ca is enrolled: run kyso signer enrol');

  const noticeKey = await token.hmac({ label: tokenLabels.seeds, data: Buffer.from('kyso notices') });
  const notices = dispatchNotices({ store, noticeKey }, notify, onError);
  const signer: Signer = {
    ...parts,
    codeLimits,
    noticeKey,
    wakeNotices: notices.wake,
    notifyState: notices.state,
    rows,
    mac,
    epoch,
    time: trustedTime(clock, Number(lastInstant ?? 0)),
    feed: feedState(clock, parsePlace(place)),
    attestationSpki: Buffer.from(attestationKey, 'base64'),
    keyKinds: await readKeyKinds({ store, rows }),
    refusals: new Map(),
    running: new Set(),
    hashes: new Map(),
  };
  await sweep(signer);
  await collectOrphan(signer);
  const loss = lossOf(signer);
  if (loss) onError(loss);
  const caKey = createPublicKey({ key: Buffer.from(caFeedKey, 'base64'), format: 'der', type: 'spki' });
  return { signer, handlers: signerHandlers(signer, feedReceiver(signer, caKey)), notices };
}

function signerHandlers(signer: Signer, receive: ReturnType<typeof feedReceiver>): Handlers<SignerContract> {
  return {
    'activation.begin': (params) => beginActivation(signer, params),
    'activation.complete': (params) => completeActivation(signer, params),
    'account.status': (params) => accountStatus(signer, params),
    'account.changePin': counting(signer.refusals, 'pin.change', (params) => changePin(signer, params)),
    'account.passwordChange': (params) => tellPasswordChange(signer, params),
    'account.freeze': (params) => freeze(signer, params),
    'account.unfreeze': counting(signer.refusals, 'unfreeze', (params) => unfreeze(signer, params)),
    'account.history': (params) => history(signer, params),
    'totpMove.attest': (params) => attestMove(signer, params),
    'totpMove.begin': counting(signer.refusals, 'totpMove.begin', (params) => beginMove(signer, params)),
    'totpMove.confirm': counting(signer.refusals, 'totpMove.confirm', (params) => confirmMove(signer, params)),
    'totpMove.cancel': (params) => cancelMove(signer, params),
    'credentials.list': (params) => listCredentials(signer, params),
    'credentials.info': (params) => describeCredential(signer, params),
    'credentials.authorize': counting(signer.refusals, 'authorize', (params) => authorize(signer, params)),
    'sad.check': counting(signer.refusals, 'sad.check', (params) => checkSad(signer, params)),
    'credentials.sendOTP': counting(signer.refusals, 'sendOTP', (params) => sendOTP(signer, params)),
    'credentials.extendTransaction': counting(signer.refusals, 'extend', (params) => extendTransaction(signer, params)),
    'signatures.signHash': counting(signer.refusals, 'sign', (params) => signHash(signer, params)),
    'feed.position': async () => signer.feed.place(),
    'feed.push': receive,
    status: async () => {
      const age = signer.feed.age();
      const feed = signer.feed.isFresh();
      const token = signer.token.status().ready;
      const store = signer.store.works();
      const lost = lostKinds(signer);
      return {
        ready: token && store && feed && signer.time.isTrusted() && lost.length === 0,
        token,
        store,
        feed,
        ...(lost.length > 0 && { lost }),
        ...(age !== undefined && { feedAge: Math.round(age) }),
        notify: signer.notifyState(),
      };
    },
  };
}
