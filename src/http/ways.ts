import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { KysoError } from '../base/errors.ts';
import { atOnce } from './at-once.ts';
import type { ApiConfig } from './config.ts';
import { isLoopback, networks } from './networks.ts';

/** Headers that may stand once. Node keeps the first of several silently; a proxy may have read another (S28). */
const singletons = ['authorization', 'content-type', 'content-encoding', 'host', 'idempotency-key'];

/** Refuses requests that came in a way in which two readers may see two things, or a third one everything (S28). */
export function refuseBadWays(app: FastifyInstance, { tls, trustedProxies }: ApiConfig): void {
  const isProxy = networks(trustedProxies);
  app.addHook(
    'onRequest',
    atOnce(({ ip, log, raw, routeOptions }) => {
      const names = raw.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
      const repeated = singletons.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
      if (repeated) throw new KysoError('requestInvalid', `the header ${repeated} is there twice`);
      if (raw.httpVersion === '1.1' && !names.includes('host')) throw new KysoError('requestInvalid', 'no Host');
      // Node reads chunks whatever coding stands before them, and leaves that one undone.
      const coding = raw.headers['transfer-encoding'] ?? 'chunked';
      if (coding.toLowerCase() !== 'chunked') throw new KysoError('requestInvalid', 'an unknown transfer coding');

      // Throttles count by this address: a proxy that passes on something else would give every client its own count.
      if (isIP(ip) === 0) {
        log.warn('X-Forwarded-For of a trusted proxy does not end with the address of its client');
        throw new KysoError('requestInvalid', 'no client address');
      }
      // Behind a proxy that ends TLS our port is open to others, too. What needs no secret may come past it.
      const from = raw.socket.remoteAddress;
      const secret = ![undefined, 'none'].includes(routeOptions.config?.authentication);
      if (secret && !tls && trustedProxies.length > 0 && !isProxy(from) && !isLoopback(from)) {
        throw new KysoError('requestInvalid', 'plain HTTP past the proxy');
      }
    }),
  );
}
