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

/** Everything that the two activation steps can be refused for; a kind that is not here is a fault of ours. */
const answers: Partial<Record<ErrorKind, Answer>> = {
  requestInvalid: row(400, 'invalid_request', 'The request is malformed.', 'Yêu cầu không hợp lệ.'),
  activationInvalid: row(
    400,
    'activation_invalid',
    'The activation data is wrong, already used or too old. Please check both parts.',
    'Dữ liệu kích hoạt sai, đã được dùng hoặc hết hạn. Vui lòng kiểm tra cả hai phần.',
  ),
  passwordRefused: row(
    400,
    'password_refused',
    'The password needs 10 to 256 characters and must differ from the PIN and the user ID.',
    'Mật khẩu cần từ 10 đến 256 ký tự và phải khác mã PIN và tên đăng nhập.',
  ),
  pinRefused: row(
    400,
    'pin_refused',
    'The PIN needs 8 to 64 characters and must be neither easy to guess nor your ID number, phone number or birth date.',
    'Mã PIN cần từ 8 đến 64 ký tự, không dễ đoán và không phải số CCCD, số điện thoại hay ngày sinh của bạn.',
  ),
  pinInvalid: row(
    400,
    'invalid_pin',
    'The account was already activated with another PIN.',
    'Tài khoản đã được kích hoạt với mã PIN khác.',
  ),
  otpInvalid: row(
    400,
    'invalid_otp',
    'The one-time code is wrong. Please enter the code that the application shows now.',
    'Mã xác thực một lần không đúng. Vui lòng nhập mã đang hiển thị trên ứng dụng.',
  ),
  pinLocked: row(
    400,
    'locked',
    'Too many wrong tries. Please try again later.',
    'Nhập sai quá nhiều lần. Vui lòng thử lại sau.',
  ),
  otpLocked: row(
    400,
    'locked',
    'Too many wrong tries. Please try again later.',
    'Nhập sai quá nhiều lần. Vui lòng thử lại sau.',
  ),
  unavailable,
  busy: unavailable,
  tokenUnavailable: unavailable,
  tokenPinRefused: unavailable,
  feedStale: unavailable,
  clockUntrusted: unavailable,
};

/** The error handler of the subscriber API. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const fault = faultOf(error);
  const { status, error: code, en, vi } = answers[fault.kind] ?? serverError;
  if (status >= 500) logFault(request, error);
  if (status === 503) reply.header('Retry-After', '5');
  return reply.code(fault.status ?? status).send({ error: code, error_description: { en, vi } });
}
