import { BlockList, isIP, isIPv6 } from 'node:net';

/** True for addresses inside the networks that it was made for; IPv4 written as IPv6 (`::ffff:…`) counts as IPv4. */
export type Networks = (address: string | undefined) => boolean;

/** `networks` are addresses or `address/bits`. What is no address at all lies in none of them. */
export function networks(networks: readonly string[]): Networks {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address = '') => isIP(address) !== 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** Where nobody but this machine can listen. */
export const isLoopback: Networks = networks(['127.0.0.0/8', '::1']);
