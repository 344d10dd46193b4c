import { randomBytes } from 'node:crypto';

export const h32 = randomBytes(32).toString('base64');
export const h48 = randomBytes(48).toString('base64');

const pss = '1.2.840.113549.1.1.10';
export const authorize = { credentialID: 'c1', numSignatures: 1, hash: [h32], PIN: '12345678', OTP: '123456' };
export const sign = { credentialID: 'c1', SAD: 'sad', hash: [h32], signAlgo: '1.2.840.10045.4.3.2' };
const expired = "Signing certificate 'O=Trường THPT Hòa Bình,CN=Nguyễn Thị Lan' is expired.";
const missing = (type: string, name: string) => `Missing (or invalid type) ${type} parameter ${name}`;

/** [what is changed in a good request, error_description, error]; the first row that fits answers, in the spec's order. */
export type Case = [changes: Record<string, unknown>, text: string, error?: string];

/**
 * By method: a good request, and what comes of it when it is changed. In these a credential `foreign` is not the
 * caller's, `off` is disabled and `expired` has a certificate that is; `unknown` is no SAD of the caller's, and the SAD
 * does not allow SHA-384 digests.
 */
export const shapeCases: [method: string, good: object, cases: Case[]][] = [
  ['info', {}, [[{ lang: 5 }, 'Invalid parameter lang']]],
  [
    'credentials/list',
    {},
    [
      [{ pageToken: 'never-issued' }, 'Invalid parameter pageToken'],
      [{ pageToken: 5 }, 'Invalid parameter pageToken'],
      [{ userID: 'lan.nguyen' }, 'userID parameter MUST be null'],
      [{ userID: 5 }, 'Invalid parameter userID'],
      [{ userID: 'lan.nguyen', pageToken: 'x' }, 'Invalid parameter pageToken'],
      [{ userID: '', clientData: 'x' }, 'userID parameter MUST be null'],
      [{ clientData: {} }, 'Invalid parameter clientData'],
    ],
  ],
  [
    'credentials/info',
    { credentialID: 'c1' },
    [
      [{ credentialID: undefined }, missing('string', 'credentialID')],
      [{ credentialID: null, certificates: 'all' }, missing('string', 'credentialID')],
      [{ credentialID: ['c1'] }, missing('string', 'credentialID')],
      [{ credentialID: '' }, 'Invalid parameter credentialID'],
      [{ credentialID: '../c1' }, 'Invalid parameter credentialID'],
      [{ credentialID: 'x'.repeat(65) }, 'Invalid parameter credentialID'],
      [{ credentialID: 'foreign' }, 'Invalid parameter credentialID'],
      [{ credentialID: 'foreign', certificates: 'all' }, 'Invalid parameter credentialID'],
      [{ certificates: 'all' }, 'Invalid parameter certificates'],
      [{ certificates: true }, 'Invalid parameter certificates'],
      [{ certInfo: 'true' }, 'Invalid parameter certInfo'],
      [{ authInfo: 1 }, 'Invalid parameter authInfo'],
      [{ lang: 1 }, 'Invalid parameter lang'],
      [{ clientData: 1 }, 'Invalid parameter clientData'],
    ],
  ],
  [
    'credentials/authorize',
    authorize,
    [
      [{ credentialID: undefined, numSignatures: 0 }, missing('string', 'credentialID')],
      [{ credentialID: 'foreign', numSignatures: 0, PIN: undefined }, 'Invalid parameter credentialID'],
      [{ credentialID: 'off', numSignatures: 0 }, 'The credential identified by credentialID is disabled'],
      [{ numSignatures: undefined }, missing('integer', 'numSignatures')],
      [{ numSignatures: '1' }, missing('integer', 'numSignatures')],
      [{ numSignatures: 1.5 }, missing('integer', 'numSignatures')],
      [{ numSignatures: true }, missing('integer', 'numSignatures')],
      [{ numSignatures: 0 }, 'Invalid value for parameter numSignatures'],
      [{ numSignatures: -1, hash: undefined }, 'Invalid value for parameter numSignatures'],
      [{ numSignatures: 1001 }, 'Numbers of signatures is too high'],
      [{ numSignatures: 1e300 }, 'Numbers of signatures is too high'],
      [{ hash: undefined }, missing('array', 'hash')],
      [{ hash: h32 }, missing('array', 'hash')],
      [{ hash: [] }, 'Empty hash array'],
      [{ hash: Array(1001).fill(h32) }, 'Numbers of signatures is too high'],
      [{ hash: [''] }, 'Invalid Base64 hash string parameter'],
      [{ hash: [null] }, 'Invalid Base64 hash string parameter'],
      [{ hash: [5] }, 'Invalid Base64 hash string parameter'],
      [{ hash: [`${h32}\n`] }, 'Invalid Base64 hash string parameter'],
      [{ hash: [h32, '!!!!'], numSignatures: 2 }, 'Invalid Base64 hash string parameter'],
      [{ hash: [randomBytes(20).toString('base64')] }, 'Invalid digest value length'],
      [{ hash: [randomBytes(100).toString('base64')] }, 'Invalid digest value length'],
      [{ hash: [h32, h48], numSignatures: 2 }, 'Invalid digest value length'],
      [{ hash: [h32, h32] }, 'Invalid value for parameter numSignatures'],
      [{ numSignatures: 2 }, 'Invalid value for parameter numSignatures'],
      [{ OTP: undefined, PIN: undefined }, 'The OTP is invalid', 'invalid_otp'],
      [{ OTP: 123456 }, 'The OTP is invalid', 'invalid_otp'],
      [{ OTP: '' }, 'The OTP is invalid', 'invalid_otp'],
      [{ OTP: '1'.repeat(17) }, 'The OTP is invalid', 'invalid_otp'],
      [{ credentialID: 'expired', OTP: undefined }, expired],
      [{ PIN: undefined }, 'The PIN is invalid', 'invalid_pin'],
      [{ PIN: '' }, 'The PIN is invalid', 'invalid_pin'],
      [{ PIN: 12345678 }, 'The PIN is invalid', 'invalid_pin'],
      [{ PIN: '1'.repeat(257) }, 'The PIN is invalid', 'invalid_pin'],
      [{ description: 'x'.repeat(501) }, 'Invalid parameter description'],
      [{ clientData: 1 }, 'Invalid parameter clientData'],
    ],
  ],
  [
    'credentials/sendOTP',
    { credentialID: 'c1' },
    [
      [{ credentialID: undefined }, missing('string', 'credentialID')],
      [{ credentialID: 5 }, missing('string', 'credentialID')],
      [{ credentialID: '../c1' }, 'Invalid parameter credentialID'],
      [{ credentialID: 'foreign', clientData: 5 }, 'Invalid parameter credentialID'],
      [{ clientData: 5 }, 'Invalid parameter clientData'],
    ],
  ],
  [
    'credentials/extendTransaction',
    { credentialID: 'c1', SAD: 'sad', hash: [h32] },
    [
      [{ credentialID: undefined, SAD: undefined }, missing('string', 'credentialID')],
      [{ credentialID: 'foreign', hash: [] }, 'Invalid parameter credentialID'],
      [{ hash: h32 }, missing('array', 'hash')],
      [{ hash: [] }, 'Empty hash array'],
      [{ hash: ['?'] }, 'Invalid Base64 hash string parameter'],
      [{ hash: Array(1001).fill(h32) }, 'Numbers of signatures is too high'],
      [{ hash: [h32, h48] }, 'Invalid digest value length'],
      [{ SAD: undefined }, missing('string', 'SAD')],
      [{ SAD: '' }, 'Invalid parameter SAD'],
      [{ clientData: 5 }, 'Invalid parameter clientData'],
    ],
  ],
  [
    'auth/revoke',
    { token: 'x' },
    [
      [{ token: undefined, token_type_hint: 'x' }, missing('string', 'token')],
      [{ token: 5 }, missing('string', 'token')],
      [{ token_type_hint: 'id_token' }, 'Invalid string parameter token_type_hint'],
      [{ token_type_hint: 5 }, 'Invalid string parameter token_type_hint'],
      [{ token: '' }, 'Invalid string parameter token'],
      [{}, 'Invalid string parameter token'],
      [{ clientData: 5 }, 'Invalid parameter clientData'],
    ],
  ],
  [
    'signatures/signHash',
    sign,
    [
      [{ SAD: undefined, credentialID: undefined }, missing('string', 'SAD')],
      [{ SAD: 5 }, missing('string', 'SAD')],
      [{ SAD: '' }, 'Invalid parameter SAD'],
      [{ SAD: 'x'.repeat(257), credentialID: undefined }, 'Invalid parameter SAD'],
      [{ SAD: 'unknown', credentialID: undefined }, 'Invalid parameter SAD'],
      [{ SAD: 'unknown', credentialID: 'foreign', hash: [] }, 'Invalid parameter SAD'],
      [{ credentialID: undefined, hash: undefined }, missing('string', 'credentialID')],
      [{ credentialID: 'foreign', hash: [] }, 'Invalid parameter credentialID'],
      [{ hash: undefined, signAlgo: undefined }, missing('array', 'hash')],
      [{ hash: { 0: h32 } }, missing('array', 'hash')],
      [{ hash: [] }, 'Empty hash array'],
      [{ hash: Array(1001).fill(h32) }, 'Numbers of signatures is too high'],
      [{ hash: ['AB=='], signAlgo: undefined }, 'Invalid Base64 hash string parameter'],
      [{ hash: [h48], signAlgo: undefined }, 'Hash is not authorized by the SAD.'],
      [{ hash: [h48], clientData: 5 }, 'Hash is not authorized by the SAD.'],
      [{ hash: ['AAAA'], signAlgo: undefined }, missing('string', 'signAlgo')],
      [{ signAlgo: undefined, hashAlgo: 5 }, missing('string', 'signAlgo')],
      [{ signAlgo: 5 }, missing('string', 'signAlgo')],
      [{ signAlgoParams: 5 }, missing('string', 'signAlgoParams')],
      [{ signAlgo: pss }, missing('string', 'signAlgoParams')],
      [{ signAlgo: pss, hashAlgo: '2.16.840.1.101.3.4.2.1' }, missing('string', 'signAlgoParams')],
      [{ signAlgo: pss, signAlgoParams: 'AA==', hashAlgo: '1.3.14.3.2.26' }, 'Invalid parameter hashAlgo'],
      [{ signAlgo: pss, signAlgoParams: 'not base64' }, 'Invalid parameter signAlgoParams'],
      [{ signAlgo: pss, signAlgoParams: 'A'.repeat(2000) }, 'Invalid parameter signAlgoParams'],
      [{ signAlgo: '1.2.840.113549.1.1.1' }, missing('string', 'hashAlgo')],
      [{ signAlgo: '1.2.840.113549.1.1.1', hashAlgo: 5 }, missing('string', 'hashAlgo')],
      [{ signAlgo: '1.2.840.113549.1.1.1', hashAlgo: '1.3.14.3.2.26' }, 'Invalid parameter hashAlgo'],
      [{ signAlgo: '1.2.840.113549.1.1.1', hashAlgo: 'SHA-256' }, 'Invalid parameter hashAlgo'],
      [{ signAlgo: 'RSA' }, 'Invalid parameter signAlgo'],
      [{ signAlgo: '' }, 'Invalid parameter signAlgo'],
      [{ signAlgo: '1.2.840.113549.1.1.5' }, 'Invalid parameter signAlgo'],
      [{ clientData: [] }, 'Invalid parameter clientData'],
      [{ hash: [randomBytes(31).toString('base64')] }, 'Invalid digest value length'],
      [{ hash: [h32, h48] }, 'Invalid digest value length'],
    ],
  ],
];
