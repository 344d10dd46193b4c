import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { onTerminal } from './dialogue.ts';
import { defaultPort } from './options.ts';
import { activate } from './subscriber-activate.ts';
import { type Command, commands } from './subscriber-commands.ts';
import { subscriberService } from './subscriber-service.ts';
import { openSession } from './subscriber-session.ts';
import { trust } from './trust.ts';

const usage = `kyso subscriber COMMAND [--url URL] [--user ID] [--ca FILE]
tài khoản ký số của bạn / your own signing account

  activate            kích hoạt bằng hai phần của mã / with both parts of the activation code
                      asks: e-mail part, SMS part, new password, new PIN, one-time code
  status              tình trạng tài khoản / how the account stands
  pin                 đổi mã PIN / asks: PIN, new PIN
  password            đổi mật khẩu / asks: new password; all logins end
  freeze              tạm khóa quyền ký / signing off at once; certificates stay valid
  unfreeze            mở lại quyền ký / asks: one-time code, PIN
  history [--limit N] [--before ID]
                      những gì đã xảy ra / what happened, newest first
  totp begin          chuyển ứng dụng xác thực sang điện thoại mới, sau khi cơ quan xác nhận /
                      to a new phone, which your organisation attested; asks: PIN
  totp confirm        asks: a one-time code of the new phone; it counts 24 hours later
  totp cancel         hủy việc chuyển / before it counts

  --url URL           the server (or KYSO_URL), http://127.0.0.1:${defaultPort} by default
  --user ID           who you are (or KYSO_USER)
  --ca FILE           also trust this certification authority (PEM)

Everything but activate asks for the login password first. Where --user is not given it is the first question. From a
script, standard input has one line for each question, in the order above; on a terminal, new secrets are asked twice.
Exit codes: 0 done · 1 refused or failed · 2 wrong usage
`;

const options = {
  url: { type: 'string' },
  user: { type: 'string' },
  ca: { type: 'string' },
  limit: { type: 'string' },
  before: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** `kyso subscriber …`: the holder's own account, over `/subscriber/v1` and nothing else. */
export async function subscriber(args: string[], dialogue = onTerminal()): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  if (values.help) {
    dialogue.print(usage);
    return 0;
  }
  const name = positionals.join(' ');
  const command: Command | undefined = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command && name !== 'activate') {
    process.stderr.write(usage);
    return 2;
  }
  if (values.ca) trust(values.ca);
  const service = subscriberService(values.url ?? process.env.KYSO_URL ?? `http://127.0.0.1:${defaultPort}`);
  const { answers } = dialogue;
  try {
    const userID = values.user ?? process.env.KYSO_USER ?? (await answers.ask({ vi: 'Tên đăng nhập', en: 'User ID' }));
    if (userID === '') throw new KysoError('configuration', 'hãy nhập tên đăng nhập / name yourself with --user ID');
    if (!command) await activate(service, dialogue, userID);
    else {
      const session = await openSession(service, dialogue, userID);
      await command(session, values).finally(session.close);
    }
    return 0;
  } finally {
    answers.close();
  }
}
