// Signs a PDF visibly with the kit (npm run pack:client): node sign-pdf.mjs IN.pdf OUT.pdf
// Reads KYSO_URL (up to /csc/v1), KYSO_USER, KYSO_PASSWORD, KYSO_PIN and KYSO_OTP from the environment.
import { readFileSync, writeFileSync } from 'node:fs';
// In a project of your own: import { cscClient, signPdf } from 'kyso-client';
import { cscClient, signPdf } from '../../dist/client/client/index.js';

const [, , input, output] = process.argv;
const { KYSO_URL, KYSO_USER, KYSO_PASSWORD, KYSO_PIN, KYSO_OTP } = process.env;

const signed = await signPdf(readFileSync(input), {
  client: cscClient({ baseUrl: KYSO_URL }),
  userID: KYSO_USER,
  password: KYSO_PASSWORD,
  // A real application asks the person here, when the documents are ready and not before.
  askPIN: () => KYSO_PIN,
  askOTP: () => KYSO_OTP,
  reason: 'Tôi đồng ý',
  visible: { page: 1, x: 330, y: 40, width: 220, height: 60 },
  onStep: (step) => console.log(step),
});
writeFileSync(output, signed);
