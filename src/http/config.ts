import type { Argon2Cost } from '../crypto/argon2.ts';
import type { LogOptions } from './log.ts';

/** What the API needs to know; checked by the process that builds it. */
export type ApiConfig = {
  /** Where clients reach this server: scheme, host and port, no trailing slash. Issuer of the access tokens. */
  publicUrl: string;
  /** `info.name`: what the service calls itself, at most 255 characters. */
  name: string;
  /** `production` only where the processes run under users of their own (design §2). */
  tier: 'production' | 'development';
  /** Addresses or CIDR ranges of proxies whose X-Forwarded-* headers are believed; none by default. */
  trustedProxies: readonly string[];
  log: LogOptions;
  /** Cost of a password guess. */
  passwordCost: Argon2Cost;
};
