import Type, { type Static } from 'typebox';
import { keyTypes } from '../../crypto/algorithms.ts';
import type { Result } from '../../ipc/contract.ts';
import { multisign, type SignerContract } from '../../ipc/signer-contract.ts';
import { readCertificate } from '../../pki/read.ts';
import { type Lang, langOf, type Texts } from '../lang.ts';
import { otpObject, pinObject } from './factors.ts';
import { CredentialId, clientData, lang as langField } from './fields.ts';
import { defineMethod, invalid, missing } from './method.ts';
import { knownCredential } from './rows.ts';

const Body = Type.Object({
  credentialID: CredentialId,
  certificates: Type.Optional(
    Type.Enum(['none', 'single', 'chain'], { description: 'Which certificates the answer has; single by default' }),
  ),
  certInfo: Type.Optional(Type.Boolean({ description: 'Names, serial number and validity, too' })),
  authInfo: Type.Optional(Type.Boolean({ description: 'What PIN and one-time code are, too' })),
  lang: langField,
  clientData,
});

const Factor = Type.Object({
  presence: Type.Enum(['true', 'false', 'optional']),
  type: Type.Optional(Type.Enum(['offline', 'online'])),
  format: Type.Enum(['A', 'N']),
  ID: Type.Optional(Type.String()),
  provider: Type.Optional(Type.String()),
  label: Type.String({ maxLength: 255 }),
  description: Type.String({ maxLength: 255 }),
});

const CredentialAnswer = Type.Object({
  description: Type.String({ maxLength: 255 }),
  key: Type.Object({
    status: Type.Enum(['enabled', 'disabled']),
    algo: Type.Array(Type.String(), { minItems: 1 }),
    len: Type.Integer(),
    curve: Type.Optional(Type.String()),
  }),
  cert: Type.Object({
    status: Type.Enum(['valid', 'expired', 'revoked', 'suspended']),
    certificates: Type.Optional(Type.Array(Type.String())),
    issuerDN: Type.Optional(Type.String()),
    subjectDN: Type.Optional(Type.String()),
    serialNumber: Type.Optional(Type.String({ pattern: '^[0-9A-F]+$' })),
    validFrom: Type.Optional(Type.String({ pattern: '^\\d{14}Z$' })),
    validTo: Type.Optional(Type.String({ pattern: '^\\d{14}Z$' })),
  }),
  authMode: Type.Literal('explicit'),
  SCAL: Type.Literal('2'),
  multisign: Type.Integer({ minimum: 1 }),
  PIN: Type.Optional(Factor),
  OTP: Type.Optional(Factor),
  lang: Type.String(),
});

type Credential = Result<SignerContract, 'credentials.info'>;

/** CSC v1 §11.5 `credentials/info`: key, certificate and factors of one of the caller's credentials. */
export const credentialsInfo = defineMethod({
  name: 'credentials/info',
  docs: {
    summary: 'Key, certificate and factors of a credential',
    answer: CredentialAnswer,
    example: {
      request: { credentialID: '1xRzSk5GZ7vD0mJp3w9QaA', certificates: 'chain', certInfo: true, authInfo: true },
      answer: {
        description: 'Signing key, released by PIN and one-time code (EC-P256)',
        key: { status: 'enabled', algo: ['1.2.840.10045.4.3.2'], len: 256, curve: '1.2.840.10045.3.1.7' },
        cert: {
          status: 'valid',
          certificates: ['MIIC…', 'MIIB…', 'MIIB…'],
          issuerDN: 'CN=Kyso Issuing CA,O=Kyso,C=VN',
          subjectDN: 'CN=Nguyễn Thị Ánh,OU=KHOA NỘI TỔNG HỢP,O=BỆNH VIỆN ĐA KHOA SÔNG HỒNG,C=VN',
          serialNumber: '5F3A0C9B7E21D4486A',
          validFrom: '20261124000000Z',
          validTo: '20311124000000Z',
        },
        authMode: 'explicit',
        SCAL: '2',
        multisign,
        PIN: { presence: 'true', format: 'A', label: 'PIN', description: 'The PIN that you chose' },
        OTP: {
          ...{ presence: 'true', type: 'offline', format: 'N', ID: 'totp', provider: 'totp' },
          ...{ label: 'One-time code', description: 'The six digits that your app shows now' },
        },
        lang: 'en-US',
      },
    },
  },
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
