import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type CaughtMessage, readMessages } from '../src/cli/mailbox.ts';
import { enrolPerson, sandboxMail } from '../src/cli/sandbox.ts';
import { cscClient } from '../src/client/index.ts';
import type { KeyTypeName } from '../src/crypto/algorithms.ts';
import type { BenchServer } from './server.ts';

/** A credential whose codes come by e-mail, and a login of its holder. */
export type Holder = {
  credentialID: string;
  keyType: KeyTypeName;
  token: string;
  /** Answers how many milliseconds a login took. */
  login(): Promise<number>;
  authorize(hash: Buffer[]): Promise<Sad>;
};

/** A SAD for these digests, given over HTTP as any other in so many milliseconds. */
export type Sad = { SAD: string; credentialID: string; token: string; digests: Buffer[]; milliseconds: number };

const each = 1000;

/** Enrols `count` holders with one credential of each key type. */
export async function enrolHolders(server: BenchServer, keyTypes: KeyTypeName[], count: number): Promise<Holder[]> {
  const csc = cscClient({ baseUrl: `${server.baseUrl}/csc/v1` });
  const mail = sandboxMail(server.config).url;
  const holders: Holder[] = [];
  for (let n = 0; n < count; n += 1) {
    const userID = `bench-${n}-${randomBytes(3).toString('hex')}`;
    const email = `${userID}@example.vn`;
    const subject = { commonName: `Bench ${n}`, organisation: 'Kyso', organisationalUnits: [] };
    const person = { userID, name: `Bench ${n}`, email, phone: `+8491${String(n).padStart(7, '0')}`, subject };
    const wanted = keyTypes.map((keyType) => ({ keyType, otp: 'email' as const }));
    const { holder, credentials } = await enrolPerson(server.config, server.baseUrl, person, wanted);
    // One mailbox for all credentials of a person: a code is newer than the one before, whichever that was for.
    let lastAt = '';
    const { accessToken: token } = await csc.login(userID, holder.password);
    for (const { credentialID, keyType } of credentials) {
      const nextCode = async () => {
        await csc.sendOTP(token, credentialID);
        for (;;) {
          const sent = (await readMessages(mail)).findLast((one) => one.to === email && one.at > lastAt && isCode(one));
          if (sent) {
            lastAt = sent.at;
            return codeIn(sent.text)!;
          }
          await delay(20);
        }
      };
      const authorize = async (digests: Buffer[]): Promise<Sad> => {
        const OTP = await nextCode();
        const before = performance.now();
        const { SAD } = await csc.authorize(token, { credentialID, hash: digests, PIN: holder.pin, OTP });
        return { SAD, credentialID, token, digests, milliseconds: performance.now() - before };
      };
      const login = async () => {
        const before = performance.now();
        await csc.login(userID, holder.password);
        return performance.now() - before;
      };
      holders.push({ credentialID, keyType, token, login, authorize });
    }
  }
  return holders;
}

const isCode = ({ subject }: CaughtMessage) => subject.includes('one-time code');
const codeIn = (text: string) => /\b(\d{6})\b/.exec(text)?.[1];

/** SADs for `signatures` random digests in all, a thousand each; holders work side by side, each one after the other. */
export async function issueSads(holders: Holder[], signatures: number): Promise<Sad[]> {
  const wanted = Math.max(1, Math.ceil(signatures / each));
  const sads: Sad[] = [];
  let left = wanted;
  await Promise.all(
    holders.map(async (holder) => {
      while (left > 0) {
        left -= 1;
        sads.push(await holder.authorize(Array.from({ length: each }, () => randomBytes(32))));
      }
    }),
  );
  return sads;
}
