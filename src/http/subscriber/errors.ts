import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorKind } from '../../base/errors.ts';
import { faultOf } from '../fault.ts';
import { logFault } from '../log.ts';

/** `error` for programs; `error_description` for the person, in both languages. */
type Answer = { status: number; error: string; en: string; vi: string };

const row = (status: number, error: string, en: string, vi: string): Answer => ({ status, error, en, vi });

const serverError = row(
  500,
  'server_error',
  'Something went wrong on our side. Please try again later.',
  'Hệ thống gặp sự cố. Vui lòng thử lại sau.',
);
const unavailable = row(
  503,
  'temporarily_unavailable',
  'The service is busy or under maintenance. Please try again in a moment.',
  'Dịch vụ đang bận hoặc bảo trì. Vui lòng thử lại sau ít phút.',
);

const deadToken = row(
  401,
  'invalid_token',
  'You are not logged in, or your login has ended. Please log in again.',
  'Bạn chưa đăng nhập hoặc phiên đăng nhập đã kết thúc. Vui lòng đăng nhập lại.',
);
const locked = row(
  400,
  'locked',
  'Too many wrong tries. Please try again later.',
  'Nhập sai quá nhiều lần. Vui lòng thử lại sau.',
);

/** Everything that a subscriber can be refused for; a kind that is not here is a fault of ours. */
const answers: Partial<Record<ErrorKind, Answer>> = {
  requestInvalid: row(400, 'invalid_request', 'The request is malformed.', 'Yêu cầu không hợp lệ.'),
  accessTokenInvalid: deadToken,
  accessTokenExpired: deadToken,
  loginInvalid: row(
    400,
    'login_invalid',
    'User ID or password are wrong, or there were too many wrong tries. Please check both, or wait and try again.',
    'Tên đăng nhập hoặc mật khẩu không đúng, hoặc đã nhập sai quá nhiều lần. Vui lòng kiểm tra lại hoặc đợi rồi thử lại.',
  ),
  clientSuspended: row(
    403,
    'login_suspended',
    'Logins by password are switched off at present. Please ask the operator of the service.',
    'Đăng nhập bằng mật khẩu hiện đang bị tắt. Vui lòng liên hệ đơn vị vận hành dịch vụ.',
  ),
  tooManyRequests: row(
    429,
    'too_many_requests',
    'There were too many wrong tries from your network. Please try again later.',
    'Có quá nhiều lần thử sai từ mạng của bạn. Vui lòng thử lại sau.',
  ),
  moveNotAllowed: row(
    400,
    'move_not_allowed',
    'There is no move to a new phone to go on with. Your organisation has to attest the new phone first; then begin the move with your PIN.',
    'Không có yêu cầu chuyển sang điện thoại mới nào để tiếp tục. Cơ quan quản lý của bạn cần xác nhận điện thoại mới trước, sau đó bạn bắt đầu bằng mã PIN.',
  ),
  activationInvalid: row(
    400,
    'activation_invalid',
    'The activation data is wrong, already used or too old. Please check both parts.',
    'Dữ liệu kích hoạt sai, đã được dùng hoặc hết hạn. Vui lòng kiểm tra cả hai phần.',
  ),
  passwordRefused: row(
    400,
    'password_refused',
    'The password needs 10 to 256 characters and must differ from the PIN, the user ID and the password before.',
    'Mật khẩu cần từ 10 đến 256 ký tự và phải khác mã PIN, tên đăng nhập và mật khẩu cũ.',
  ),
  pinRefused: row(
    400,
    'pin_refused',
    'The PIN needs 8 to 64 characters, must not be the PIN before, easy to guess, or contain your name, e-mail, phone number or ID number.',
    'Mã PIN cần từ 8 đến 64 ký tự, không trùng mã PIN cũ, không dễ đoán và không chứa tên, thư điện tử, số điện thoại hay số CCCD của bạn.',
  ),
  pinInvalid: row(
    400,
    'invalid_pin',
    'This is not the PIN of the account.',
    'Mã PIN không đúng với mã PIN của tài khoản.',
  ),
  otpInvalid: row(
    400,
    'invalid_otp',
    'The one-time code is wrong. Please enter the code that the application shows now.',
    'Mã xác thực một lần không đúng. Vui lòng nhập mã đang hiển thị trên ứng dụng.',
  ),
  pinLocked: locked,
  otpLocked: locked,
  unavailable,
  busy: unavailable,
  tokenUnavailable: unavailable,
  tokenPinRefused: unavailable,
  keyUnusable: unavailable,
  feedStale: unavailable,
  clockUntrusted: unavailable,
};

/** The error handler of the subscriber API. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const fault = faultOf(error);
  const { status, error: code, en, vi } = answers[fault.kind] ?? serverError;
  if (status >= 500) logFault(request, error);
  if (status === 503) reply.header('Retry-After', '5');
  if (status === 429) reply.header('Retry-After', '60');
  if (status === 401) reply.header('WWW-Authenticate', 'Bearer realm="subscriber", error="invalid_token"');
  return reply.code(fault.status ?? status).send({ error: code, error_description: { en, vi } });
}
