import type { Argon2Cost } from '../crypto/argon2.ts';
import type { LogOptions } from './log.ts';
import type { Tls } from './tls.ts';

/** What the API needs to know; checked by the process that builds it. */
export type ApiConfig = {
  /** Where clients reach this server: scheme, host and port, no trailing slash. Issuer of the access tokens. */
  publicUrl: string;
  /** `info.name`: what the service calls itself, at most 255 characters. */
  name: string;
  /** `production` only where the processes run under users of their own (design §2). */
  tier: 'production' | 'development';
  /**
   * Addresses or CIDR ranges of the proxies whose X-Forwarded-For is believed. Never of clients: they could name any
   * address as theirs.
   */
  trustedProxies: readonly string[];
  /** Serve HTTPS with this certificate; without it HTTP, for loopback or a proxy that ends TLS. */
  tls?: Tls;
  log: LogOptions;
  /** Cost of a password guess. */
  passwordCost: Argon2Cost;
};
