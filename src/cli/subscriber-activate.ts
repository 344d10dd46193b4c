import { signerContract } from '../ipc/signer-contract.ts';
import { askNew, type Dialogue, say } from './dialogue.ts';
import { showSeed } from './enrolment.ts';
import { SubscriberRefusal, type SubscriberService } from './subscriber-service.ts';
import { questions } from './subscriber-session.ts';

/** Refusals of what was only typed badly: the halves are good, and the seed in the app, too. */
const worthAnotherTry = ['password_refused', 'pin_refused', 'invalid_otp', 'invalid_request'];

/** Activates an account: both halves, the authenticator app, then password and PIN of the holder's choice. */
export async function activate(service: SubscriberService, dialogue: Dialogue, userID: string): Promise<void> {
  const { answers, interactive, print } = dialogue;
  const emailHalf = await answers.ask({ vi: 'Phần mã kích hoạt trong thư', en: 'Part from the e-mail', secret: true });
  const smsHalf = await answers.ask({ vi: 'Phần mã kích hoạt trong SMS', en: 'Part from the SMS', secret: true });
  const halves = { userID, emailHalf, smsHalf };
  const begun = await service.ask('/activation/begin', signerContract['activation.begin'].result, halves);
  showSeed(dialogue, begun.otpauthUri);
  for (;;) {
    const password = await askNew(dialogue, questions.newPassword);
    const pin = await askNew(dialogue, questions.newPin);
    const otp = await answers.ask(questions.otp);
    try {
      await service.post('/activation/complete', { ...halves, password, pin, otp });
      return say(
        dialogue,
        'Tài khoản ký số đã được kích hoạt.',
        'Your signing account is active. Keep PIN and password apart, and tell them to nobody.',
      );
    } catch (error) {
      const again = error instanceof SubscriberRefusal && worthAnotherTry.includes(error.error);
      if (!again || !interactive) throw error;
      print(error.message);
    }
  }
}
