import { type CscClient, cscClient } from '../../src/client/index.ts';
import { signDigest, type TestPki, type TestSigner } from './certificates.ts';
import { type CscAnswer, type CscCall, cscService } from './csc-service.ts';

/** What the service knows of a credential; `info` replaces members of what `credentials/info` answers. */
export type Credential = TestSigner & { algo: string[]; len: number; info?: object };

/** A CSC v1 service with these credentials that signs whatever was authorized; `override` answers in its stead. */
export async function signingService(
  t: { teardown(handler: () => void): void },
  pki: TestPki,
  credentials: Record<string, Credential>,
  override?: (call: CscCall) => CscAnswer,
  tls?: Parameters<typeof cscService>[2],
): Promise<{ client: CscClient; baseUrl: string; calls: CscCall[] }> {
  let authorized: unknown;
  const answers: Record<string, (body: CscCall['body']) => unknown> = {
    'auth/login': () => ({ access_token: 'token' }),
    'auth/revoke': () => ({}),
    'credentials/list': () => ({ credentialIDs: Object.keys(credentials) }),
    'credentials/info': ({ credentialID }) => {
      const { algo, len, chain, info } = credentials[String(credentialID)]!;
      return {
        key: { status: 'enabled', algo, len },
        cert: { status: 'valid', certificates: chain.map((der) => der.toString('base64')) },
        authMode: 'explicit',
        SCAL: '2',
        PIN: { presence: 'true', label: 'PIN' },
        OTP: { presence: 'true', type: 'offline', ID: 'totp' },
        multisign: 1000,
        ...info,
      };
    },
    'credentials/sendOTP': () => '',
    'credentials/authorize': ({ hash }) => {
      authorized = hash;
      return { SAD: 'the SAD', expiresIn: 300 };
    },
    'signatures/signHash': ({ credentialID, hash, signAlgoParams }) => {
      if (JSON.stringify(hash) !== JSON.stringify(authorized)) return { signatures: [] };
      const credential = credentials[String(credentialID)]!;
      const sign = (text: string) =>
        signDigest(pki, credential, Buffer.from(text, 'base64'), signAlgoParams !== undefined).toString('base64');
      return { signatures: (hash as string[]).map(sign) };
    },
  };
  const service = await cscService(t, (call) => override?.(call) ?? { body: answers[call.method]?.(call.body) }, tls);
  return { ...service, client: cscClient(service) };
}
