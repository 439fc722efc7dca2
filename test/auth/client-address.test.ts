import { expect, test } from 'vitest';
import { clientAddress } from '../../src/auth/client-address.ts';

const forwarded = (said: string) => clientAddress(new Headers({ 'x-forwarded-for': said }), '10.0.0.1', true);

test.each([
  ['1.2.3.4', '1.2.3.4'],
  ['6.6.6.6, 1.2.3.4', '1.2.3.4'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['2001:db8:0:1:aaaa::1', '2001:db8:0:1'],
  ['2001:DB8:0000:0001:bbbb:cccc:dddd:eeee', '2001:db8:0:1'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['', null],
  ['unknown', null],
  ['1.2.3.4, ', null],
])('what a proxy wrote last is the address, of IPv6 its network: %j', (said, address) => {
  expect(forwarded(said)).toBe(address);
});

test('who comes without a proxy is where the connection is from, whatever he writes', () => {
  const header = new Headers({ 'x-forwarded-for': '6.6.6.6' });
  expect(clientAddress(header, '1.2.3.4', false)).toBe('1.2.3.4');
  expect(clientAddress(new Headers(), '10.0.0.1', true)).toBeNull();
});
