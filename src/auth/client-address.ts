import { isIP } from 'node:net';

/**
 * The address that a driver's request comes from, as limits count it: of IPv6 the network that one client has (/64). `forwarded`: the connection is a
 * proxy's, so the address is what it wrote last into `X-Forwarded-For`. Null if that is not told: an address of many is nobody's.
 */
export function clientAddress(header: Headers, peer: string, forwarded: boolean): string | null {
  const said = forwarded ? (header.get('x-forwarded-for')?.split(',').at(-1)?.trim() ?? '') : peer;
  const plain = said.replace(/^::ffff:(?=\d+\.)/i, '');
  if (isIP(plain) === 4) return plain;
  return isIP(plain) === 6 ? networkOf(plain) : null;
}

/** The first four groups. */
function networkOf(address: string): string {
  const [head = '', tail] = address.toLowerCase().split('%', 1)[0]!.split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  const missing = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...after];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
