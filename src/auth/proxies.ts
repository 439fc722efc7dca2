import { BlockList, isIP } from 'node:net';
import type { Caller } from './caller.ts';

/** Who may say which driver a request comes from. */
export type ProxyRules = {
  /** Names of services, proven by their tokens. */
  services: readonly string[];
  /** Networks (`10.0.0.0/8`, `::1/128`) whose requests need no token to name a driver. */
  networks: readonly string[];
};

/** Tells whether a peer vouches for drivers, either by its token or, if it shows none, by its address. */
export function openProxies({ services, networks }: ProxyRules): (peer: string, bearer: Caller | null) => boolean {
  const names = new Set(services);
  const list = new BlockList();
  for (const network of networks) {
    const { address, bits, family } = parseNetwork(network)!;
    list.addSubnet(address, bits, family);
  }
  return (peer, bearer) => {
    if (bearer) return bearer.kind === 'service' && names.has(bearer.name);
    return networks.length > 0 && isIP(peer) !== 0 && list.check(peer, isIP(peer) === 4 ? 'ipv4' : 'ipv6');
  };
}

/** `address/bits`; an address alone is a network of one. Null if it is neither. */
export function parseNetwork(text: string): { address: string; bits: number; family: 'ipv4' | 'ipv6' } | null {
  const [, address = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  const longest = version === 4 ? 32 : 128;
  const bits = length === undefined ? longest : Number(length);
  return version === 0 || bits > longest ? null : { address, bits, family: version === 4 ? 'ipv4' : 'ipv6' };
}
