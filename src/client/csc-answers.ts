import Type, { type Static } from 'typebox';
import type { Chain } from '../pki/cms.ts';

/*
 * The answers of the CSC v1.0.4.0 methods, as far as a client relies on them; members that are not named here are let
 * through. Spellings are the specification's.
 */

const presence = Type.Union([Type.Literal('true'), Type.Literal('false'), Type.Literal('optional')]);
const text = Type.Optional(Type.String());

/** The error object (CSC v1 §9.3). */
export const errorObject = Type.Object({ error: Type.String(), error_description: text });

/** `info` (CSC v1 §11.1). */
export const infoAnswer = Type.Object({
  specs: Type.String(),
  name: Type.String(),
  logo: Type.String(),
  region: Type.String(),
  lang: Type.String(),
  description: Type.String(),
  authType: Type.Array(Type.String()),
  oauth2: text,
  methods: Type.Array(Type.String()),
});
export type ServiceInfo = Static<typeof infoAnswer>;

/** `auth/login` (CSC v1 §11.2). The token has to fit a Bearer header (RFC 6750 §2.1). */
export const loginAnswer = Type.Object({
  access_token: Type.String({ pattern: '^[A-Za-z0-9._~+/-]+=*$' }),
  refresh_token: text,
  expires_in: Type.Optional(Type.Number({ minimum: 0 })),
});

export type LoginAnswer = Static<typeof loginAnswer>;

/** What says nothing: no body (204), or, of some services, anything with 200. */
export const nothing = Type.Unknown();

/** `credentials/list` (CSC v1 §11.4). */
export const listAnswer = Type.Object({
  credentialIDs: Type.Array(Type.String({ minLength: 1 })),
  nextPageToken: text,
});

const pin = Type.Object({ presence, format: text, label: text, description: text });
const otp = Type.Object({
  presence,
  type: text,
  format: text,
  label: text,
  description: text,
  ID: text,
  provider: text,
});

/** `credentials/info` (CSC v1 §11.5), asked with `certificates: "chain"` and `authInfo: true`. */
export const credentialAnswer = Type.Object({
  description: text,
  key: Type.Object({
    status: Type.Union([Type.Literal('enabled'), Type.Literal('disabled')]),
    algo: Type.Array(Type.String(), { minItems: 1 }),
    len: Type.Integer({ minimum: 1 }),
    curve: text,
  }),
  cert: Type.Object({
    status: Type.Optional(
      Type.Union([Type.Literal('valid'), Type.Literal('expired'), Type.Literal('revoked'), Type.Literal('suspended')]),
    ),
    certificates: Type.Array(Type.String()),
  }),
  authMode: Type.Union([Type.Literal('implicit'), Type.Literal('explicit'), Type.Literal('oauth2code')]),
  SCAL: Type.Optional(Type.Union([Type.Literal('1'), Type.Literal('2')])),
  PIN: Type.Optional(pin),
  OTP: Type.Optional(otp),
  multisign: Type.Integer({ minimum: 1 }),
});
type CredentialAnswer = Static<typeof credentialAnswer>;

/** A credential as `credentials/info` describes it, with the certificates decoded. */
export type CredentialInfo = Omit<CredentialAnswer, 'cert'> & {
  cert: Omit<CredentialAnswer['cert'], 'certificates'> & { certificates: Chain };
};

/** `credentials/authorize` (CSC v1 §11.6). */
export const authorizeAnswer = Type.Object({
  SAD: Type.String({ minLength: 1 }),
  expiresIn: Type.Optional(Type.Number({ minimum: 0 })),
});

/** `signatures/signHash` (CSC v1 §11.9). */
export const signHashAnswer = Type.Object({ signatures: Type.Array(Type.String()) });

/** `signatures/timestamp` (CSC v1 §11.10): a TimeStampToken, not the response of RFC 3161 that holds one. */
export const timestampAnswer = Type.Object({ timestamp: Type.String({ minLength: 1 }) });
