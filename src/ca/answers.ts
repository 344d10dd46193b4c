import type { CaContract } from '../ipc/ca-contract.ts';
import type { Handlers } from '../ipc/contract.ts';
import type { OcspResponder } from './ocsp.ts';
import type { TimestampAuthority } from './tsa.ts';

type Answers = Pick<Handlers<CaContract>, 'ocsp.answer' | 'ocsp.revision' | 'timestamp.answer' | 'timestamp.token'>;

/** What ca answers about the status of certificates, and about the time. */
export function answerHandlers(responder: OcspResponder, tsa: TimestampAuthority): Answers {
  const bytes = (text: string) => Buffer.from(text, 'base64');
  return {
    async 'ocsp.answer'({ request }) {
      const { response, ...kept } = await responder.answer(bytes(request));
      return { response: response.toString('base64'), ...kept };
    },
    'ocsp.revision': async () => ({ revision: await responder.revision() }),
    'timestamp.answer': async ({ request }) => ({ response: (await tsa.answer(bytes(request))).toString('base64') }),
    'timestamp.token': async (asked) => ({ token: (await tsa.token(asked)).toString('base64') }),
  };
}
