import {
  assertListed,
  type Caller,
  type Credentials,
  type Driver,
  isPlainName,
  NotAdmitted,
  type Rule,
} from './caller.ts';
import { clientAddress } from './client-address.ts';
import { driverByHeaders, namesDriver } from './driver-headers.ts';
import { openProxies, type ProxyRules } from './proxies.ts';
import type { Tokens } from './tokens.ts';

/**
 * Who is calling, and whether the rule of what he calls lists him.
 *
 * With keys, a service, an engineer or a driver is who a valid token says. Headers that name a driver count only from a proxy that vouches for
 * drivers (by a token of its own or by its address); from anybody else they are refused, so that a mistake of the network shows at once.
 * A token that is given and not valid is refused, whatever else the request says; where a rule admits anyone, nothing is looked at.
 */
export type Auth = {
  /** The caller. Throws `NotAdmitted`. Synchronous for a token that was seen before, as nearly all are. */
  admit(rule: Rule, credentials: Credentials): Caller | Promise<Caller>;
  /** Where a driver's request comes from, as limits count it; null if that is not known. */
  addressOf(credentials: Credentials, driver: Driver): string | null;
  /** Why nobody can be admitted yet; null if that is not so. */
  notReady(): string | null;
};

const NOBODY: Caller = { kind: 'nobody' };

export function authByKeys({ tokens, proxies }: { tokens: Tokens; proxies: ProxyRules }): Auth {
  const vouches = openProxies(proxies);
  const decide = (rule: Rule, { header, peer }: Credentials, bearer: Caller | null): Caller => {
    const caller = namesDriver(header) ? byProxy(header, peer, bearer) : (bearer ?? NOBODY);
    assertListed(rule, caller);
    return caller;
  };
  const byProxy = (header: Headers, peer: string, bearer: Caller | null): Caller => {
    if (vouches(peer, bearer)) return driverByHeaders(header);
    throw bearer ? new NotAdmitted('not_allowed', 'driver_headers') : new NotAdmitted('missing', 'driver_headers');
  };
  return {
    admit(rule, credentials) {
      if (rule === 'anyone') return NOBODY;
      const said = credentials.header.get('authorization');
      if (said === null) return decide(rule, credentials, null);
      const [, token] = /^Bearer +([\w.~+/=-]+)$/i.exec(said) ?? [];
      if (!token) throw new NotAdmitted('invalid', 'malformed');
      const known = tokens.verify(token);
      if (known instanceof Promise) return known.then((caller) => decide(rule, credentials, caller));
      return decide(rule, credentials, known);
    },
    addressOf: ({ header, peer }, { byProxy: proxied }) => clientAddress(header, peer, proxied || vouches(peer, null)),
    notReady: () => tokens.notReady(),
  };
}

/**
 * For development on one machine: whoever reaches the service may call everything, and is who he says: a driver by the proxy's headers, an engineer
 * by `x-caller`. The configuration allows it on loopback only.
 */
export function openToAll(): Auth {
  return {
    admit(rule, { header }) {
      if (rule === 'anyone') return NOBODY;
      if (rule.services) return { kind: 'service', name: 'developer' };
      if (rule.drivers) return driverByHeaders(header);
      const name = header.get('x-caller');
      if (namesDriver(header) || !isPlainName(name)) throw new NotAdmitted('missing', 'x-caller');
      return { kind: 'engineer', name };
    },
    addressOf: ({ header, peer }) => clientAddress(header, peer, true),
    notReady: () => null,
  };
}
