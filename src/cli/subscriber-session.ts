import Type from 'typebox';
import type { Dialogue } from './dialogue.ts';
import type { SubscriberService } from './subscriber-service.ts';
import type { Question } from './terminal.ts';

/** The holder, logged in. */
export type Session = {
  service: SubscriberService;
  dialogue: Dialogue;
  /** The login password, which a change of it proves once more. */
  password: string;
  token: string;
  /** Logs out; a login that has ended already, or a server that is away, is no trouble any more. */
  close(): Promise<void>;
};

const Login = Type.Object({ access_token: Type.String() });

export async function openSession(service: SubscriberService, dialogue: Dialogue, userID: string): Promise<Session> {
  const password = await dialogue.answers.ask({ vi: `Mật khẩu của ${userID}`, en: 'Password', secret: true });
  const { access_token: token } = await service.ask('/login', Login, { userID, password });
  const close = () => service.post('/logout', {}, token).catch(() => {});
  return { service, dialogue, password, token, close };
}

/** What the commands ask for. */
export const questions = {
  pin: { vi: 'Mã PIN', en: 'PIN', secret: true },
  newPin: { vi: 'Mã PIN mới', en: 'New PIN', secret: true },
  newPassword: { vi: 'Mật khẩu mới', en: 'New password', secret: true },
  otp: { vi: 'Mã xác thực trên ứng dụng', en: 'One-time code of your app' },
  newOtp: { vi: 'Mã xác thực trên điện thoại mới', en: 'One-time code of the new phone' },
} as const satisfies Record<string, Question>;
