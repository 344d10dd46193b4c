import { codeIn, KysoError } from '../base/errors.ts';
import { CscError, LevelError } from '../client/index.ts';
import { plain } from './plain.ts';

/** What the person can do about it, by `error` or, where that says little, by `error_description` (CSC v1 §11). */
const fixes: Record<string, string> = {
  authentication_error: 'sai tên đăng nhập hoặc mật khẩu / wrong user or password',
  invalid_pin: 'sai mã PIN / the PIN is wrong',
  invalid_otp:
    'mã xác thực một lần sai hoặc đã dùng, hãy chờ mã kế tiếp / the code is wrong or used: wait for the next one',
  'PIN locked': 'mã PIN đang bị khóa, hãy thử lại sau / the PIN is locked: try again later',
  'OTP locked': 'mã xác thực đang bị khóa, hãy thử lại sau / codes are locked: try again later',
  too_many_requests: 'vừa gửi một mã, hãy chờ nửa phút / a code was sent a moment ago: wait half a minute',
  temporarily_unavailable: 'dịch vụ đang bận, hãy thử lại sau / the service is busy: try again later',
};

const certificateFix =
  'không tin được chứng thư của máy chủ / the certificate of the server is not trusted: --ca FILE names its authority';

/** By the code of the network error, or of the TLS library. */
const networkFixes: Record<string, string> = {
  ECONNREFUSED: 'không có dịch vụ tại địa chỉ này / nothing answers at this address: check --url',
  ENOTFOUND: 'không tìm thấy máy chủ / there is no such host: check --url',
  EAI_AGAIN: 'không tìm thấy máy chủ / the host cannot be found now: check --url and the network',
  DEPTH_ZERO_SELF_SIGNED_CERT: certificateFix,
  SELF_SIGNED_CERT_IN_CHAIN: certificateFix,
  UNABLE_TO_GET_ISSUER_CERT: certificateFix,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificateFix,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificateFix,
  CERT_HAS_EXPIRED: 'chứng thư của máy chủ đã hết hạn / the certificate of the server has expired',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'chứng thư không phải của máy chủ này / the certificate is that of another host: check --url',
};

/** What a level needs and cannot be had. */
const levelFixes: Record<LevelError['missing'], string> = {
  timestamp: 'không lấy được dấu thời gian / there is no timestamp',
  status: 'không lấy được trạng thái của chứng thư / the status of a certificate cannot be had',
};

/** The same refusal, said with what the person can do about it. */
export function withFix(error: unknown): unknown {
  if (error instanceof LevelError)
    return new KysoError('unavailable', `${levelFixes[error.missing]}: ${plain(error.message)}`, { cause: error });
  if (error instanceof CscError) {
    const fix = fixes[error.errorDescription ?? ''] ?? fixes[error.error ?? ''];
    const said = plain(error.message);
    return new KysoError('unavailable', fix ? `${fix} (${said})` : said, { cause: error });
  }
  const fix = error instanceof KysoError && error.kind === 'unavailable' ? networkFixes[codeIn(error)] : undefined;
  return fix ? new KysoError('unavailable', fix, { cause: error }) : error;
}
