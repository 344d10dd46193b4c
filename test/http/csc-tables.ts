/** The error tables of CSC v1.0.4.0, §11.1–§11.10, word for word: [HTTP status, error, error_description]. */
export type TableRow = [status: number, error: string, text: string];

const h1 =
  'The request is missing a required parameter, includes an invalid parameter value, includes a parameter more than once, or is otherwise malformed.';
const bad = (...texts: string[]): TableRow[] => texts.map((text) => [400, 'invalid_request', text]);
const missing = (type: string, name: string) => `Missing (or invalid type) ${type} parameter ${name}`;

export const cscTables: Record<string, TableRow[]> = {
  info: [],
  'auth/login': [
    [401, 'invalid_request', 'Malformed authentication parameter.'],
    ...bad('Malformed username-password.', 'Invalid string parameter: refresh_token', 'Invalid refresh_token'),
    [400, 'authentication_error', 'An error occurred during authentication process'],
  ],
  'auth/revoke': bad(
    h1,
    missing('string', 'token'),
    'Invalid string parameter token_type_hint',
    'Invalid string parameter token',
  ),
  'credentials/list': bad(
    h1,
    'Invalid parameter pageToken',
    'userID parameter MUST be null',
    'Invalid parameter userID',
  ),
  'credentials/info': bad(
    h1,
    missing('string', 'credentialID'),
    'Invalid parameter credentialID',
    'Invalid parameter certificates',
  ),
  'credentials/authorize': [
    ...bad(
      h1,
      missing('string', 'credentialID'),
      'Invalid parameter credentialID',
      'The credential identified by credentialID is disabled',
      missing('integer', 'numSignatures'),
      'Invalid value for parameter numSignatures',
      'Numbers of signatures is too high',
      'PIN locked',
      'OTP locked',
    ),
    [400, 'invalid_otp', 'The OTP is invalid'],
    [400, 'invalid_pin', 'The PIN is invalid'],
  ],
  'credentials/extendTransaction': bad(h1),
  'credentials/sendOTP': bad(
    'Malformed authroization header.',
    missing('string', 'credentialID'),
    'Invalid parameter credentialID',
    'OTP locked',
  ),
  'signatures/signHash': [
    ...bad(
      h1,
      missing('string', 'SAD'),
      'Invalid parameter SAD',
      missing('string', 'credentialID'),
      'Invalid parameter credentialID',
      missing('array', 'hash'),
      'Empty hash array',
      'Invalid Base64 hash string parameter',
      'Hash is not authorized by the SAD.',
      missing('string', 'signAlgo'),
      missing('string', 'signAlgoParams'),
      missing('string', 'hashAlgo'),
      'Invalid parameter hashAlgo',
      'Invalid parameter signAlgo',
      'Invalid parameter clientData',
      'Invalid digest value length',
      'SAD expired',
      "Signing certificate 'O=[organization],CN=[common_name]' is expired.",
    ),
    [400, 'invalid_otp', 'The OTP is invalid'],
  ],
  'signatures/timestamp': bad(
    h1,
    missing('string', 'hash'),
    'Empty hash parameter',
    'Invalid digest value length',
    'Invalid Base64 hash string parameter',
    'Invalid parameter hashAlgo',
    'Invalid parameter nonce',
  ),
};
