import Type, { type Static } from 'typebox';
import { keyTypes } from '../../crypto/algorithms.ts';
import type { Result } from '../../ipc/contract.ts';
import { multisign, type SignerContract } from '../../ipc/signer-contract.ts';
import { readCertificate } from '../../pki/read.ts';
import { type Lang, langOf, type Texts } from '../lang.ts';
import { otpObject, pinObject } from './factors.ts';
import { CredentialId } from './fields.ts';
import { defineMethod, invalid, missing } from './method.ts';
import { knownCredential } from './rows.ts';

const Body = Type.Object({
  credentialID: CredentialId,
  certificates: Type.Optional(Type.Enum(['none', 'single', 'chain'])),
  certInfo: Type.Optional(Type.Boolean()),
  authInfo: Type.Optional(Type.Boolean()),
  lang: Type.Optional(Type.String()),
  clientData: Type.Optional(Type.String()),
});

type Credential = Result<SignerContract, 'credentials.info'>;

/** CSC v1 §11.5 `credentials/info`: key, certificate and factors of one of the caller's credentials. */
export const credentialsInfo = defineMethod({
  name: 'credentials/info',
  authentication: 'bearer',
  body: Body,
  rows: [
    missing('string', 'credentialID'),
    invalid('credentialID'),
    knownCredential,
    invalid('certificates'),
    invalid('certInfo'),
    invalid('authInfo'),
    invalid('lang'),
    invalid('clientData'),
  ],
  async handle({ signer }, body, { user }) {
    const { subscriber } = user;
    const credential = await signer.call('credentials.info', { subscriber, credentialID: body.credentialID });
    const lang = langOf(body.lang);
    return {
      description: descriptionOf(credential, lang),
      key: keyOf(credential),
      cert: certOf(credential, body),
      authMode: 'explicit',
      SCAL: '2',
      multisign,
      ...(body.authInfo ? { PIN: pinObject(lang), OTP: otpObject(credential.otp, lang) } : {}),
      lang,
    };
  },
});

const descriptions: Texts = {
  'en-US': 'Signing key, released by PIN and one-time code',
  'vi-VN': 'Khóa ký, sử dụng bằng mã PIN và mã xác thực một lần',
};

const descriptionOf = ({ keyType }: Credential, lang: Lang) => `${descriptions[lang]} (${keyType})`;

function keyOf({ keyStatus, keyType, signAlgos }: Credential): object {
  const type = keyTypes[keyType];
  const curve = type.family === 'EC' ? { curve: type.curveOid } : {};
  return { status: keyStatus, algo: signAlgos, len: type.bits, ...curve };
}

function certOf({ certStatus, chain }: Credential, { certificates = 'single', certInfo }: Static<typeof Body>): object {
  const shown = certificates === 'chain' ? chain : chain.slice(0, 1);
  return {
    status: certStatus,
    ...(certificates === 'none' ? {} : { certificates: shown }),
    ...(certInfo && chain[0] ? certFacts(chain[0]) : {}),
  };
}

function certFacts(base64: string): object {
  const { issuerDN, subjectDN, serialNumber, validFrom, validTo } = readCertificate(Buffer.from(base64, 'base64'));
  const facts = { issuerDN, subjectDN, serialNumber };
  return { ...facts, validFrom: generalizedTime(validFrom), validTo: generalizedTime(validTo) };
}

/** `YYYYMMDDHHMMSSZ`. */
function generalizedTime(instant: Date): string {
  return `${instant.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
}
