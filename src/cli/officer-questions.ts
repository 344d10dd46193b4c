import type { CaContract } from '../ipc/ca-contract.ts';
import type { Params } from '../ipc/contract.ts';
import type { Dialogue } from './dialogue.ts';

type Factors = Params<CaContract, 'order.approve'>['officer'];

/** Password and one-time code of an officer, for one act. They are asked for, and stand in no argument. */
export async function askFactors({ answers }: Dialogue, user: string): Promise<Factors> {
  const password = await answers.ask({ vi: `Mật khẩu của ${user}`, en: `password of ${user}`, secret: true });
  const otp = await answers.ask({ vi: `Mã xác thực của ${user}`, en: `one-time code of ${user}`, secret: true });
  return { user, password, otp };
}

/** The same of each who vouches, one after the other. */
export async function askAll(dialogue: Dialogue, users: string[]): Promise<Factors[]> {
  const factors: Factors[] = [];
  for (const user of users) factors.push(await askFactors(dialogue, user));
  return factors;
}
