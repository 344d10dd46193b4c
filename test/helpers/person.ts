import { randomBytes } from 'node:crypto';
import { newId } from '../../src/base/ids.ts';
import type { KeyTypeName } from '../../src/crypto/algorithms.ts';
import type { Params } from '../../src/ipc/contract.ts';
import type { TemplateName } from '../../src/ipc/notify-contract.ts';
import type { SignerContract } from '../../src/ipc/signer-contract.ts';
import { codeAt, period } from './authenticator.ts';
import { certificateChain } from './fake-ca.ts';
import type { TestSigner } from './signer.ts';

export const ecdsaWithSha256 = '1.2.840.10045.4.3.2';
export const rsaWithSha256 = '1.2.840.113549.1.1.11';

export type PersonOptions = {
  keyType?: KeyTypeName;
  otp?: 'totp' | 'email';
  activate?: boolean;
  /** When the certificate ends, in epoch milliseconds. */
  notAfter?: number;
};

export type Caller = { subscriber: string; client: string; grant: string; request: string };
type AuthorizeParams = Params<SignerContract, 'credentials.authorize'>;
type ExtendParams = Params<SignerContract, 'credentials.extendTransaction'>;
type SignParams = Params<SignerContract, 'signatures.signHash'>;

export type TestPerson = {
  userID: string;
  subscriber: string;
  credentialID: string;
  caller: Caller;
  halves: { email: string; sms: string };
  pin: string;
  /** Set by `enrol`. */
  totpSecret: string;
  email: string;
  phone: string;
  spki: Buffer;
  chain: string[];
  /** First step of the activation. */
  enrol(): Promise<void>;
  /** Second step; the whole of it with `enrol` before. */
  activate(changes?: Partial<Params<SignerContract, 'activation.complete'>>): Promise<{ subscriber: string }>;
  /** The code of the step that is `offset` steps from now. */
  code(offset?: number): string;
  /** A code of the app that was not used before: time passes to the next step. */
  nextCode(): Promise<string>;
  /** Has a code sent by e-mail, and reads it there. */
  sendCode(changes?: Partial<Caller>): Promise<string>;
  /** Authorizes these hashes with the PIN and, unless one is given, a fresh code of the credential's kind. Answers the SAD. */
  authorize(hashes: Buffer[], changes?: Partial<AuthorizeParams>): Promise<string>;
  /** Answers the new SAD. */
  extend(sad: string, hashes?: Buffer[], changes?: Partial<ExtendParams>): Promise<string>;
  signHash(sad: string, hashes: Buffer[], changes?: Partial<SignParams>): Promise<Buffer[]>;
  /** A further credential of the same person. */
  newCredential(options?: PersonOptions): Promise<TestPerson>;
};

let people = 0;

export async function newPerson(world: TestSigner, options: PersonOptions = {}): Promise<TestPerson> {
  people += 1;
  const subscriber = newId();
  const userID = `person.${people}`;
  const email = `${userID}@songhong.example.vn`;
  const phone = `+849${String(people).padStart(8, '0')}`;
  await world.obey({ kind: 'subscriber', subscriber, userID, name: 'Nguyễn Thị Ánh', email, phone });
  const half = async (template: TemplateName) => (await world.notify.sent(template, userID)).values.half!;
  const [byEmail, bySms] = await Promise.all([half('activation.email'), half('activation.sms')]);
  const person = await withCredential(world, options, {
    ...{ userID, subscriber, email, phone, halves: { email: byEmail, sms: bySms } },
    ...{ pin: `pin-${randomBytes(6).toString('hex')}`, totpSecret: '' },
  });
  if (options.activate ?? true) {
    await person.enrol();
    await person.activate();
  }
  return person;
}

type Identity = Pick<TestPerson, 'userID' | 'subscriber' | 'email' | 'phone' | 'halves' | 'pin' | 'totpSecret'>;

async function withCredential(world: TestSigner, options: PersonOptions, identity: Identity): Promise<TestPerson> {
  const { keyType = 'EC-P256', otp: kind = 'totp' } = options;
  const { subscriber, userID, email } = identity;
  const credentialID = newId();
  const lineHash = randomBytes(32).toString('base64');
  const made = await world.obey({ kind: 'makeKey', credentialID, subscriber, keyType, otp: kind, lineHash });
  const spki = Buffer.from(JSON.parse(made.attestation!.statement).spki, 'base64');
  const chain = await certificateChain(spki, world.clock.now(), options.notAfter);
  await world.obey({ kind: 'certificate', credentialID, chain });
  await world.push(world.ca.heartbeat());

  const caller = { subscriber, client: 'direct', grant: `grant-${credentialID}`.slice(0, 22), request: 'request-1' };
  const base64 = (hashes: Buffer[]) => hashes.map((hash) => hash.toString('base64'));
  const person: TestPerson = {
    ...{ ...identity, credentialID, caller, spki, chain },
    async enrol() {
      const { halves } = person;
      const { totpSecret } = await world.call('activation.begin', { userID, halves, request: 'request-0' });
      person.totpSecret = totpSecret;
    },
    async activate(changes) {
      const { halves, pin } = person;
      const otp = changes?.otp ?? (await person.nextCode());
      return world.call('activation.complete', { userID, halves, pin, request: 'request-0', ...changes, otp });
    },
    code: (offset = 0) => codeAt(person.totpSecret, world.clock.now() + offset * period),
    async nextCode() {
      await world.advance(period);
      return person.code();
    },
    async sendCode(changes) {
      const seen = world.notify.messages.length;
      await world.call('credentials.sendOTP', { ...caller, credentialID, ...changes });
      return (await world.notify.sent('oneTimeCode', email, seen)).values.code!;
    },
    async authorize(hashes, changes) {
      const otp = changes?.otp ?? (await (kind === 'totp' ? person.nextCode() : person.sendCode()));
      const { sad } = await world.call('credentials.authorize', {
        ...{ ...caller, credentialID, numSignatures: hashes.length, hashes: base64(hashes), pin: person.pin },
        openSlots: false,
        ...{ ...changes, otp },
      });
      return sad;
    },
    async extend(sad, hashes = [], changes) {
      const params = { ...caller, credentialID, sad, hashes: base64(hashes), ...changes };
      return (await world.call('credentials.extendTransaction', params)).sad;
    },
    async signHash(sad, hashes, changes) {
      const { signatures } = await world.call('signatures.signHash', {
        ...{ ...caller, sad, credentialID, hashes: base64(hashes) },
        ...{ signAlgo: keyType.startsWith('EC') ? ecdsaWithSha256 : rsaWithSha256, ...changes },
      });
      return signatures.map((signature) => Buffer.from(signature, 'base64'));
    },
    newCredential: (more = {}) => withCredential(world, more, person),
  };
  return person;
}
