import type { InjectOptions } from 'fastify';
import type { Random } from '../helpers/random.ts';
import { type Schema, sampleOf } from '../helpers/schema-samples.ts';
import { nearMisses, oddText, texts } from './fuzz-bodies.ts';
import { basic } from './helpers.ts';
import type { Route } from './routes.ts';

/** Whose requests these are: live tokens for CSC and for the own account, and what else the service knows of the person. */
export type Session = {
  csc: string;
  own: string;
  userID: string;
  password: string;
  /** Values of members that are good now, by their names. */
  known: Record<string, unknown>;
};

/** A request; made when it is sent, since tokens end. `good` is one that only its input may be refused for. */
export type Case = { good: boolean; make(): InjectOptions & { url: string } };

/** The requests for these routes: all near misses of their schemas, and any number of random ones. */
export function fuzzCases(routes: Route[], session: Session, random: Random) {
  const withInput = (route: Route, input: Record<string, unknown>): Case => ({
    good: true,
    make: () => requestFor(route, input, session, random),
  });
  const known = (name: string) => (random.once(4) ? undefined : knownValue(name, session, random));
  return {
    nearMisses: (): Case[] =>
      routes.flatMap((route) => nearMisses(schemaOf(route), random, known).map((input) => withInput(route, input))),
    anything(): Case {
      const route = random.pick(routes);
      const input = sampleOf(schemaOf(route), random, known) as Record<string, unknown>;
      if (random.once(3)) return withInput(route, input);
      return {
        good: false,
        make: () => bent(requestFor(route, input, session, random), route, input, session, random),
      };
    },
  };
}

const schemaOf = ({ body, query }: Route): Schema => (body ?? query ?? { type: 'object' }) as Schema;

/** Values of members that random ones would never meet. What is marked must not come back. */
function knownValue(name: string, { csc, own, userID, password, known }: Session, random: Random): unknown {
  const code = '123456';
  const values: Record<string, unknown> = {
    ...{ token: random.pick([csc, own, 'x'.repeat(43)]), userID: random.pick([userID, undefined]) },
    ...{ hashAlgo: '2.16.840.1.101.3.4.2.1', signAlgo: random.pick(['1.2.840.10045.4.3.2', '1.2.840.113549.1.1.10']) },
    ...{ numSignatures: 1, hash: [random.bytes(32).toString('base64')] },
    ...{ PIN: 'MARKER-pin', pin: 'MARKER-pin', newPin: 'MARKER-new-pin', OTP: code, otp: code },
    ...{ password: random.pick([password, 'MARKER-password']), oldPassword: password },
    ...known,
  };
  return values[name];
}

/** A request whose headers are good and whose body or query is this. */
function requestFor({ method, url }: Route, input: Record<string, unknown>, session: Session, random: Random) {
  const bearer = { authorization: `Bearer ${url.startsWith('/subscriber') ? session.own : session.csc}` };
  const password = random.pick([session.password, 'MARKER-wrong']);
  const headers =
    url.endsWith('auth/login') && input.refresh_token === undefined ? basic(session.userID, password) : bearer;
  // From everywhere, so that throttles do not end it all.
  const remoteAddress = `10.${random.below(256)}.${random.below(256)}.${random.below(256)}`;
  if (method !== 'GET' && method !== 'HEAD') {
    const payload = JSON.stringify(input);
    return {
      method: 'POST' as const,
      url,
      remoteAddress,
      headers: { ...headers, 'content-type': 'application/json' },
      payload,
    };
  }
  const query = Object.entries(input).map(([name, value]): [string, string] => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return { method: method as 'GET' | 'HEAD', url: `${url}?${new URLSearchParams(query)}`, remoteAddress, headers };
}

type Request = ReturnType<typeof requestFor>;

/** The same with its verb, a header, the address or the body bent. */
function bent(request: Request, { url }: Route, input: object, session: Session, random: Random) {
  const headers: Record<string, string> = { ...request.headers };
  const methods = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'POST'] as const;
  switch (random.below(8)) {
    case 0:
      return { ...request, method: random.pick(methods) };
    case 1:
      return { ...request, headers: { ...headers, 'content-type': printable(random) } };
    case 2:
      return { ...request, headers: { ...headers, authorization: oddAuthorization(random, session.csc) } };
    case 3:
      return { ...request, headers: { ...headers, [random.pick(headerNames)]: printable(random) } };
    case 4: {
      const behind = random.pick(['?', '/', '//', '/%', '/%00', '/..%2f', ';', '#', '%2e%2e/']);
      return {
        ...request,
        url: `${url}${behind}${encodeURIComponent(random.pick(texts).toWellFormed()).slice(0, 600)}`,
      };
    }
    case 5: {
      const noise = random.bytes(1 + random.below(30)).toString('latin1');
      return { ...request, url: `/x${noise.replace(/[^!-~]/g, '/')}` };
    }
    default:
      return request.method === 'POST' ? { ...request, payload: oddText(JSON.stringify(input), random) } : request;
  }
}

const headerNames = [
  ...[
    'accept',
    'cookie',
    'origin',
    'x-forwarded-for',
    'forwarded',
    'idempotency-key',
    'content-encoding',
    'te',
    'range',
  ],
  ...['accept-version', 'x-http-method-override', 'if-none-match', 'accept-language', 'transfer-encoding', 'upgrade'],
];

const printable = (random: Random) =>
  random
    .pick(texts)
    .replace(/[^ -~]/g, '?')
    .slice(0, 2000);

function oddAuthorization(random: Random, token: string): string {
  const [head, payload] = token.split('.');
  const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
  return random.pick([
    ...[
      '',
      'Bearer',
      'Basic',
      `Bearer ${token.slice(1)}`,
      `bearer  ${token}`,
      `Basic ${token}`,
      'Basic Og==',
      'Digest x',
    ],
    `Bearer ${none}.${payload}.`,
    `Bearer ${head}.${random.bytes(60).toString('base64url')}.x`,
    `Basic ${random.bytes(random.below(40)).toString('base64')}`,
    `Bearer ${'a'.repeat(random.below(12_000))}`,
  ]);
}
