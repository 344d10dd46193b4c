import qrcode from 'qrcode-terminal';
import { type Dialogue, say } from './dialogue.ts';

/** Shows what an authenticator app needs: a QR code for a person, and the URI for everybody. */
export function showSeed(dialogue: Dialogue, otpauthUri: string): void {
  say(
    dialogue,
    'Quét mã này bằng ứng dụng xác thực, hoặc mở đường dẫn bên dưới. Không đưa cho người khác.',
    'Scan this with your authenticator app, or open the address below. Show it to nobody.',
  );
  if (dialogue.interactive) qrcode.generate(otpauthUri, { small: true }, dialogue.print);
  dialogue.print(otpauthUri);
}
