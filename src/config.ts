import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { KysoError } from './base/errors.ts';
import { type PkiUrls, pkiUrlsOf } from './base/pki-urls.ts';

const Closed = <P extends Record<string, Type.TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

/** An object identifier, as numbers. */
const oid = '([01]\\.[1-3]?[0-9]|2\\.(0|[1-9][0-9]{0,14}))(\\.(0|[1-9][0-9]{0,14})){0,30}';

/** How the token of one process differs from what `pkcs11` says for both. */
const TokenPlace = Closed({
  module: Type.Optional(Type.String({ minLength: 1 })),
  /**
   * Names a token that its module's own tools made, with its PIN in place. Without it the token is a SoftHSM one that
   * Kyso makes.
   */
  label: Type.Optional(Type.String({ minLength: 1, maxLength: 32 })),
  /** What C_Initialize must be told (`pReserved`); NSS wants its database's place. */
  libraryParameters: Type.Optional(Type.String({ minLength: 1 })),
  /** What the module reads from its environment, which is otherwise empty. Holds no secrets. */
  environment: Type.Optional(
    Type.Record(Type.String({ pattern: '^[A-Z][A-Z0-9_]*$' }), Type.String(), { additionalProperties: false }),
  ),
  workers: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
});

/** `kyso.json` in the directory of an installation. It holds no secrets: those come by descriptor or credential file. */
const ConfigFile = Closed({
  /** `sandbox`: made-up people on one machine; one person plays all roles, and a catcher takes all messages. */
  mode: Type.Union([Type.Literal('sandbox'), Type.Literal('service')]),
  name: Type.String({ minLength: 1, maxLength: 255 }),
  http: Closed({
    host: Type.String({ minLength: 1 }),
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    publicUrl: Type.Optional(Type.String({ pattern: '^https?://[^/]+(/.*[^/])?$' })),
    trustedProxies: Type.Array(Type.String()),
    /** PEM files, relative to the directory of kyso.json; the key is read by the supervisor, never by api itself. */
    tls: Type.Optional(Closed({ certificate: Type.String({ minLength: 1 }), key: Type.String({ minLength: 1 }) })),
  }),
  /**
   * Where certificates, CRLs, OCSP and timestamps are served, over plain HTTP: `url` as it stands in certificates,
   * `listen` an address of their own, for a server that speaks TLS on the other.
   */
  pki: Type.Optional(
    Closed({
      url: Type.Optional(Type.String({ pattern: '^http://[^/?#]+(/[^?#]*)?$' })),
      listen: Type.Optional(
        Closed({
          host: Type.String({ minLength: 1 }),
          port: Type.Integer({ minimum: 1, maximum: 65_535 }),
        }),
      ),
      /** What subscribers' certificates show of the line's subject (`pki/profiles.ts`). Without it `individual`. */
      profile: Type.Optional(Type.Enum(['individual', 'individualVgca', 'individualCccd'])),
      /** OIDs of the policies that they are issued under; any but anyPolicy, each once. Without them none. */
      policies: Type.Optional(
        Type.Array(Type.String({ pattern: `^(?!2\\.5\\.29\\.32\\.0$)${oid}$` }), { maxItems: 8, uniqueItems: true }),
      ),
    }),
  ),
  /** Outside authorities: whether their OCSP and CRLs may be fetched from private addresses; not otherwise. */
  external: Type.Optional(Closed({ privateAddresses: Type.Boolean() })),
  /** Timestamps: the OID of the policy under which they are given. Without it one that stands for an example. */
  tsa: Type.Optional(Closed({ policy: Type.String({ pattern: `^${oid}$` }) })),
  /** The ways out. A sandbox without this sends to its own catcher. Passwords come as secrets, never from here. */
  notify: Type.Optional(
    Closed({
      smtp: Closed({
        host: Type.String({ minLength: 1 }),
        port: Type.Integer({ minimum: 1, maximum: 65_535 }),
        /** `tls`: from the first byte; `starttls`: required; `none`: only for a server on this machine. */
        security: Type.Enum(['tls', 'starttls', 'none']),
        user: Type.Optional(Type.String({ minLength: 1 })),
        from: Type.String({ minLength: 3, maxLength: 254 }),
      }),
      sms: Type.Optional(
        Closed({
          url: Type.String({ pattern: '^https?://' }),
          /** `ascii`: without diacritics, so that 160 characters fit one SMS instead of 70. */
          text: Type.Enum(['ascii', 'unicode']),
        }),
      ),
    }),
  ),
  /** How many one-time codes by e-mail a credential may get. Without it: one in 30 seconds, five in 15 minutes. */
  codes: Type.Optional(
    Closed({
      pauseSeconds: Type.Integer({ minimum: 0, maximum: 300 }),
      perQuarterHour: Type.Integer({ minimum: 1, maximum: 10_000 }),
    }),
  ),
  pkcs11: Closed({
    module: Type.String({ minLength: 1 }),
    workers: Type.Integer({ minimum: 1, maximum: 64 }),
    signer: Type.Optional(TokenPlace),
    ca: Type.Optional(TokenPlace),
  }),
  store: Type.Union([
    Closed({ engine: Type.Literal('sqlite') }),
    Closed({
      engine: Type.Literal('postgresql'),
      signer: Type.String(),
      ca: Type.String(),
      api: Type.String(),
      notify: Type.String(),
    }),
  ]),
  /** Tells apart several signers on one store. */
  instance: Type.String({ pattern: '^[a-z0-9-]{1,32}$' }),
});
export type ConfigFile = Static<typeof ConfigFile>;

/** The checked, frozen configuration of one installation, with its directory. */
export type Config = Readonly<ConfigFile> & { readonly directory: string };

const schema = Compile(ConfigFile);

/** @throws KysoError configuration — the message names the file and the first member that is wrong */
export function readConfig(directory: string): Config {
  const file = join(resolve(directory), 'kyso.json');
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new KysoError(
      'configuration',
      `${file} cannot be read as JSON: make one with kyso sandbox init --dir ${directory}`,
      { cause },
    );
  }
  return checkConfig(content, directory, file);
}

/** The same for content that did not come from a file of its own. */
export function checkConfig(content: unknown, directory: string, name = 'the configuration'): Config {
  if (!schema.Check(content)) {
    const [first] = schema.Errors(content);
    throw new KysoError(
      'configuration',
      `${name}: ${first?.instancePath || 'the whole'} ${first?.message ?? 'is not right'}`,
    );
  }
  const wrong = content.http.trustedProxies.find((proxy) => !isNetwork(proxy));
  if (wrong !== undefined)
    throw new KysoError(
      'configuration',
      `${name}: ${wrong} in http.trustedProxies is neither an address nor a network`,
    );
  // What api serves; something in front may put more before it.
  if (content.pki?.url && !content.pki.url.endsWith('/pki'))
    throw new KysoError('configuration', `${name}: pki.url has to end in /pki, where api answers: ${content.pki.url}`);
  return Object.freeze({ ...content, directory: resolve(directory) });
}

/** An IP address, or a network as address/bits. */
function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** The labels of Kyso's two tokens, where the configuration names no others. */
export const tokenNames = { signer: 'kyso-signer', ca: 'kyso-ca' } as const;

/**
 * How a process reaches its token. `own`: a SoftHSM token that Kyso makes, whose configuration file lies with it;
 * otherwise one that exists already.
 */
export function tokenOf(config: Pick<Config, 'directory' | 'pkcs11'>, owner: 'signer' | 'ca') {
  const { signer, ca, ...common } = config.pkcs11;
  const { environment = {}, ...place } = { ...common, ...{ signer, ca }[owner] };
  const own = place.label === undefined;
  const file = join(pathsOf(config).token(owner), 'softhsm2.conf');
  const found = own && existsSync(file) ? { SOFTHSM2_CONF: file } : {};
  return { own, token: { label: tokenNames[owner], ...place, environment: { ...found, ...environment } } };
}

/** Where everything of an installation lies. Each process owns the directory of its name (mode 0700). */
export function pathsOf(config: Pick<Config, 'directory'>) {
  const at = (...parts: string[]) => join(config.directory, ...parts);
  return {
    config: at('kyso.json'),
    secrets: at('secrets'),
    /** Written when all parts of the installation have been initialised. */
    initialised: at('initialised'),
    operatorKey: at('secrets', 'operator.json'),
    enrolled: at('enrolled'),
    attestationKey: at('enrolled', 'signer-attestation.spki'),
    feedKey: at('enrolled', 'ca-feed.spki'),
    rootCertificate: at('enrolled', 'root.pem'),
    /** What the ceremonies of ca made, as text to print and sign. */
    caRecord: (ceremony: string) => at('enrolled', `ceremony-ca${ceremony}.txt`),
    own: (process: 'api' | 'signer' | 'ca' | 'notify' | 'catcher') => at(process),
    /** The secrets of a token, sealed to its custodians; says nothing to anybody else. */
    backup: at('signer', 'backup.json'),
    caBackup: at('ca', 'backup.json'),
    /** How far the signer's store had come. */
    watermark: at('signer', 'watermark'),
    token: (process: 'signer' | 'ca') => at(process, 'token'),
    socket: (process: 'signer' | 'ca' | 'notify' | 'api') => join(runDirectory(config.directory), process, 'socket'),
  };
}

/** The longest path that a unix socket may have on Linux is 107 bytes: deep directories get a short one instead. */
function runDirectory(directory: string): string {
  const own = join(directory, 'run');
  if (Buffer.byteLength(join(own, 'signer', 'socket')) <= 107) return own;
  // Not os.tmpdir(): all processes must find the same, whatever their TMPDIR.
  return join('/tmp', `kyso-${createHash('sha256').update(directory).digest('hex').slice(0, 16)}`);
}

/** The addresses that this installation's certificates name. @throws KysoError configuration — the host cannot be told */
export const pkiUrls = ({ http, pki }: Pick<Config, 'http' | 'pki'>): PkiUrls => pkiUrlsOf(http, pki);

/** Whether messages go to a catcher: in a sandbox that names no mail server. */
export const hasCatcher = ({ mode, notify }: Pick<Config, 'mode' | 'notify'>): boolean => mode === 'sandbox' && !notify;

/**
 * The ways out: as configured, or in a sandbox its own catcher on ports beside the API's, so that sandboxes on different
 * ports do not meet. Undefined where nothing was configured: then messages wait.
 */
export function waysOut(config: Config): ConfigFile['notify'] {
  if (!hasCatcher(config)) return config.notify;
  const { smtp, http } = catcherPorts(config);
  return {
    smtp: { host: '127.0.0.1', port: smtp, security: 'none', from: 'kyso@sandbox.example.vn' },
    sms: { url: `http://127.0.0.1:${http}/sms`, text: 'ascii' },
  };
}

/**
 * Where a sandbox's catcher listens: SMTP, and HTTP for the SMS gateway's part and for whoever reads the messages. Not a
 * round number away: browsers and Node's fetch refuse some ports (6000, 10080), and API ports like 5000 must not lead there.
 */
export function catcherPorts({ http }: Pick<Config, 'http'>): { smtp: number; http: number } {
  const away = http.port + 2006 <= 65_535 ? 1003 : -1003;
  return { http: http.port + away, smtp: http.port + 2 * away };
}

/** Where the messages of a sandbox can be read; `key` is the secret `catcher-key`, which makes the address one. */
export function catcherUrl(config: Config, key: string): string {
  return `http://127.0.0.1:${catcherPorts(config).http}/${key}/messages`;
}
