import { lookup } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { KysoError } from '../../base/errors.ts';

/** Addresses that are nobody's on the open network: what stands in a certificate must not lead to a service behind our walls. */
const closed = new BlockList();
for (const [network, bits] of [
  ...([
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
  ] as const),
  ...([
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['224.0.0.0', 3],
  ] as const),
])
  closed.addSubnet(network, bits, 'ipv4');
for (const [network, bits] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  closed.addSubnet(network, bits, 'ipv6');

/** IPv4 addresses in IPv6 clothes count as what they are. */
export function isPrivate(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return closed.check(mapped ?? address, isIP(mapped ?? address) === 6 ? 'ipv6' : 'ipv4');
}

export type Fetch = (url: string, options: { most: number; post?: { type: string; body: Buffer } }) => Promise<Buffer>;

/** Milliseconds for a whole answer. */
const patience = 10_000;

/**
 * Fetches from an address that stands in a certificate: plain HTTP, no redirects, at most `most` bytes, ten seconds, and
 * not from a private address unless that is allowed. The address is looked at where the connection is made, so that a
 * name which resolves to something else the second time gains nothing.
 */
export function outsideFetch({ privateAddresses }: { privateAddresses: boolean }): Fetch {
  const guarded: LookupFunction = (host, options, done) =>
    lookup(host, options, (error, address, family) => {
      const found = typeof address === 'string' ? [{ address }] : (address ?? []);
      const barred = !privateAddresses && found.some((each) => isPrivate(each.address));
      done(error ?? (barred ? refused('leads to a private address') : null), address, family);
    });
  return (url, { most, post }) =>
    new Promise((resolve, reject) => {
      const target = new URL(url);
      const host = target.hostname.replace(/^\[|\]$/g, '');
      if (target.protocol !== 'http:' || target.username !== '') throw refused('is not plain HTTP');
      if (!privateAddresses && isIP(host) && isPrivate(host)) throw refused('leads to a private address');
      const call = httpRequest(target, {
        ...{ method: post ? 'POST' : 'GET', lookup: guarded, agent: false, signal: AbortSignal.timeout(patience) },
        headers: { Accept: '*/*', ...(post && { 'Content-Type': post.type, 'Content-Length': post.body.length }) },
      });
      call.on('error', reject);
      call.on('response', (answer) => {
        if (answer.statusCode !== 200) return void call.destroy(refused(`answers ${answer.statusCode}`));
        const parts: Buffer[] = [];
        let length = 0;
        answer.on('error', reject);
        answer.on('data', (part: Buffer) => {
          length += part.length;
          if (length > most) call.destroy(refused(`answers with more than ${most} bytes`));
          else parts.push(part);
        });
        answer.on('end', () => resolve(Buffer.concat(parts)));
      });
      call.end(post?.body);
    });
}

const refused = (why: string) => new KysoError('unavailable', `the outside authority's address ${why}`);
