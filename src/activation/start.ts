import { createPublicKey } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import type { Handlers, Peer } from '../ipc/contract.ts';
import type { NotifyContract } from '../ipc/notify-contract.ts';
import { type SignerContract, sealedTableNames } from '../ipc/signer-contract.ts';
import { accountStatus, freeze, tellPasswordChange, unfreeze } from './account.ts';
import { beginActivation, completeActivation } from './activate.ts';
import { authorize } from './authorize.ts';
import { readBackup } from './backup.ts';
import { changePin } from './change-pin.ts';
import { checkSad } from './check-sad.ts';
import { checkStore } from './check-store.ts';
import { sendOTP, usualCodeLimits } from './codes.ts';
import { type CodeLimits, type Signer, tokenLabels } from './context.ts';
import { describeCredential, listCredentials } from './credentials.ts';
import { readEpoch } from './epochs.ts';
import { evidenceOf } from './evidence.ts';
import { extendTransaction } from './extend.ts';
import { feedReceiver } from './feed.ts';
import { feedState, parsePlace } from './feed-state.ts';
import { history } from './history.ts';
import { openRows } from './initialise.ts';
import { collectOrphan } from './kept-keys.ts';
import { readVersions } from './key-versions.ts';
import { dispatchNotices, type NoticeDispatch } from './notices.ts';
import { assertRowsOfToken, assertTokenOfStore } from './own-token.ts';
import { counting } from './refusals.ts';
import { retire, rotate, rotationStatus } from './rotation.ts';
import { readSetting } from './settings.ts';
import { signHash, sweep } from './sign.ts';
import { assertNotAhead, trustedTime } from './time.ts';
import { attestMove, beginMove, cancelMove, confirmMove } from './totp-move.ts';
import { lossOf, lostKinds, readKeyKinds } from './usable-keys.ts';
import type { Versioned } from './versioned.ts';
import { type MarkFile, openWatermark, type Watermark } from './watermark.ts';

type Parts = Pick<Signer, 'store' | 'token' | 'clock' | 'instance' | 'pinCost' | 'onError'> & {
  codeLimits?: CodeLimits;
  /** Where the store's mark is kept; without it nobody notices that the store was set back. */
  markFile?: MarkFile;
  /** Keeps the backup of the token's secrets where it can be copied, at each start and whenever it has changed. */
  keepBackup?: Signer['keepBackup'];
  notify: Peer<NotifyContract>;
};

export type StartedSigner = {
  signer: Signer;
  handlers: Handlers<SignerContract>;
  notices: NoticeDispatch;
  watermark: Watermark;
};

const noMarkFile: MarkFile = { read: () => undefined, write: () => {} };

/**
 * Opens the signature activation module on an initialised store and token, and sweeps what a former life left.
 * @throws KysoError configuration — not initialised, no ca enrolled, or this token does not belong to this store
 */
export async function startSigner({
  notify,
  codeLimits = usualCodeLimits,
  keepBackup = () => {},
  markFile = noMarkFile,
  ...parts
}: Parts): Promise<StartedSigner> {
  const { store, token, clock, onError } = parts;
  await assertTokenOfStore(store, token);
  const broken = new Set<string>();
  const { mac, rows } = await openRows(store, token, (table) => broken.add(table));
  await assertRowsOfToken(store, rows);
  const read = (name: Parameters<typeof readSetting>[2]) => readSetting(rows, store.read, name);
  const watermark = await openWatermark({ store, rows, token, file: markFile });
  const { id: epoch, startedAt: epochStartedAt } = await readEpoch(rows, store.read);
  const [place, lastInstant, caFeedKey, attestationKey] = await Promise.all([
    read('feedPlace'),
    read('lastInstant'),
    read('caFeedKey'),
    read('attestationKey'),
  ]);
  if (!attestationKey) throw new KysoError('configuration', 'the signer is not initialised: run kyso signer init');
  assertNotAhead(clock, Number(lastInstant ?? 0));
  if (!caFeedKey) throw new KysoError('configuration', 'no ca is enrolled: run kyso signer enrol');

  const versionsOf = (kind: Versioned) => readVersions(rows, store.read, kind);
  const [kek, pepper] = await Promise.all([versionsOf('kek'), versionsOf('pepper')]);
  const backup = await readBackup(rows, store.read);
  if (backup) keepBackup(backup);
  const keyKinds = await readKeyKinds({ store, rows });
  const noticeKey = await token.hmac({ label: tokenLabels.seeds, data: Buffer.from('kyso notices') });
  const notices = dispatchNotices({ store, noticeKey }, notify, onError);
  const signer: Signer = {
    ...parts,
    broken,
    codeLimits,
    keepBackup,
    noticeKey,
    wakeNotices: notices.wake,
    notifyState: notices.state,
    rows,
    mac,
    versions: { kek, pepper },
    epoch,
    epochStartedAt,
    time: trustedTime(clock, Number(lastInstant ?? 0)),
    feed: feedState(clock, parsePlace(place)),
    attestationSpki: Buffer.from(attestationKey, 'base64'),
    keyKinds,
    refusals: new Map(),
    running: new Set(),
    hashes: new Map(),
    evidence: { kept: '' },
  };
  try {
    await sweep(signer);
    await collectOrphan(signer);
  } catch (error) {
    await notices.stop(); // nothing is left running by a start that fails
    throw error;
  }
  const loss = lossOf(signer);
  if (loss) onError(loss);
  const caKey = createPublicKey({ key: Buffer.from(caFeedKey, 'base64'), format: 'der', type: 'spki' });
  return { signer, handlers: signerHandlers(signer, feedReceiver(signer, caKey)), notices, watermark };
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
    epoch: async () => ({ epoch: signer.epoch }),
    evidence: (params) => evidenceOf(signer, params),
    'store.check': (params) => checkStore(signer, params),
    'keys.rotate': (params) => rotate(signer, params),
    'keys.rotation': () => rotationStatus(signer),
    'keys.retire': (params) => retire(signer, params),
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
        ...(signer.broken.size > 0 && { tampered: sealedTableNames.filter((name) => signer.broken.has(name)) }),
        ...(lost.length > 0 && { lost }),
        ...(age !== undefined && { feedAge: Math.round(age) }),
        notify: signer.notifyState(),
      };
    },
  };
}
