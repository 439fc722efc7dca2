/** Who asks, as far as it is proven. */
export type Caller =
  | Readonly<{
      kind: 'driver';
      parkId: string;
      driverId: string;
      /** The app that the driver uses, in lower case; empty if nobody said. */
      app: string;
      /** Named by a proxy that vouches for drivers; otherwise by a token of the driver's own. */
      byProxy: boolean;
    }>
  | Readonly<{ kind: 'service'; name: string }>
  | Readonly<{ kind: 'engineer'; name: string }>
  | Readonly<{ kind: 'nobody' }>;

export type Driver = Extract<Caller, { kind: 'driver' }>;

/** Who may call a method: anyone at all, without being asked who he is, or those who are listed and no one else. */
export type Rule = 'anyone' | Readonly<{ drivers?: true; engineers?: true; services?: readonly string[] }>;

/** What a request says about where it comes from. */
export type Credentials = {
  readonly header: Headers;
  /** The address at the other end of the connection. */
  readonly peer: string;
};

/**
 * Why somebody is not let in. `missing`: the request does not say who asks. `invalid`: it says so, and cannot prove it. `not_allowed`: it is known who
 * asks, and he may not. `detail` is for metrics, a word of ours; callers are not told it.
 */
export class NotAdmitted extends Error {
  readonly why: 'missing' | 'invalid' | 'not_allowed';
  readonly detail: string;

  constructor(why: NotAdmitted['why'], detail: string = why) {
    super(`not admitted: ${detail}`);
    this.name = 'NotAdmitted';
    this.why = why;
    this.detail = detail;
  }
}

/** Throws unless the rule lists the caller. */
export function assertListed(rule: Rule, caller: Caller): void {
  if (rule === 'anyone') return;
  switch (caller.kind) {
    case 'driver':
      if (rule.drivers) return;
      break;
    case 'engineer':
      if (rule.engineers) return;
      break;
    case 'service':
      if (rule.services?.includes(caller.name)) return;
      break;
    case 'nobody':
      throw new NotAdmitted('missing');
    default:
      caller satisfies never;
  }
  throw new NotAdmitted('not_allowed');
}

const MAX_LENGTH = 64;

/** Printable ASCII but for the space and the comma: two headers of one name arrive joined by both. */
export function isPlainName(text: unknown): text is string {
  return typeof text === 'string' && text.length <= MAX_LENGTH && /^[!-+\--~]+$/.test(text);
}
