import { shareOf } from '../random.ts';
import type { CallKind } from './call-log.ts';
import { canonicalId } from './registry.ts';

/** What can go wrong with a call, and whether the call takes effect all the same; a rule's own `applies` wins. */
export const faultKinds = {
  /** Adds time, half of it before the effect: `ms`, or log-normal by `medianMs` and `p99Ms`. */
  latency: true,
  /** Never answers, has no effect. The connection is cut after `ms` (default 10 min). */
  hang: false,
  /** Takes effect, never answers. */
  lostAnswer: true,
  /** Takes effect `ms` after it came (default 3 s), whether or not the caller still waits; answers then. */
  lateApplication: true,
  /** Sends the answer a byte at a time, one each `ms` (default 100). */
  drip: true,
  /** Cuts the connection. */
  reset: false,
  /** 429 with `retryAfter` as the header (default "1"; may be absurd; "" for none). */
  throttled: false,
  unauthorised: false,
  forbidden: false,
  /** 200 with error 950, as a number. */
  tokenExpired: false,
  /** `status` (default 503) with a JSON error. */
  serverError: false,
  /** 200 with an HTML page. */
  html: true,
  /** 200 with half of the JSON. */
  cutJson: true,
  /** `status` (default 200), `contentType` and `body` as given. */
  body: true,
  /** 200 with a JSON string of `bytes` (default 64 MiB). */
  hugeBody: true,
  /** 200 with `bytes` (default 64 MiB) that gzip made small. */
  gzipBomb: true,
  /** The session's status is `word` (default "ON_BREAK"). */
  unknownWord: true,
  /** A session that cannot be true, in the way of `word`: see `untrue` in misbehave.ts (default "noZone"). */
  lie: true,
  /** 200 with error `code` (default "INTERNAL"). */
  errorInside: false,
  /** DRIVER_BLOCKED, for CONNECTED only. */
  blocked: false,
  /** One item of a batch answers error `code` (default "INTERNAL"). */
  batchItemError: false,
  /** One item of a batch is left out of the answer. */
  batchItemMissing: true,
} as const satisfies Record<string, boolean>;

export type FaultKind = keyof typeof faultKinds;

export type FaultRule = {
  kind: FaultKind;
  /** Which calls; all but logins by default. */
  calls?: CallKind[];
  /** Which ids; all by default. */
  drivers?: string[];
  /** Only CONNECTED (true) or DISCONNECTED (false). */
  connected?: boolean;
  /** Which share of the matching calls; 1 by default. */
  share?: number;
  /** How many times at most; then the rule goes. */
  count?: number;
  /** How long; then the rule goes. */
  forMs?: number;
  /** Whether the call takes effect, where that differs from the kind's own way. */
  applies?: boolean;
  ms?: number;
  medianMs?: number;
  p99Ms?: number;
  status?: number;
  retryAfter?: string;
  code?: string;
  word?: string;
  body?: string;
  contentType?: string;
  bytes?: number;
};

export type FaultSubject = { kind: CallKind; driverId: string | null; connected: boolean | null };

/** Rules that can be changed at any time. Chance depends on the seed, the rule and the driver's how-many-eth call, not on arrival. */
export type Faults = {
  /** The returned number removes it. */
  add(rule: FaultRule): number;
  remove(id: number): boolean;
  clear(): void;
  list(): { id: number; fired: number; rule: FaultRule }[];
  /** Every `latency` rule that fires, and the first other rule that does. Only kinds of `among`, if given. */
  draw(
    subject: FaultSubject,
    atMs: number,
    among?: readonly FaultKind[],
  ): { latencyMs: number; fault: FaultRule | null };
  /** How often each kind fired, since the start. */
  readonly fired: Readonly<Partial<Record<FaultKind, number>>>;
};

type Held = { id: number; rule: FaultRule; fired: number; untilMs: number; turns: Map<string, number> };

export function openFaults(seed: number | string, now: () => number): Faults {
  const held = new Map<number, Held>();
  const fired: Partial<Record<FaultKind, number>> = {};
  let last = 0;
  const fires = (one: Held, subject: FaultSubject) => {
    if (!matches(one, subject)) return false;
    const key = subject.driverId ?? '';
    const turn = (one.turns.get(key) ?? 0) + 1;
    one.turns.set(key, turn);
    if (shareOf(seed, one.id, key, turn) >= (one.rule.share ?? 1)) return false;
    one.fired += 1;
    fired[one.rule.kind] = (fired[one.rule.kind] ?? 0) + 1;
    if (one.rule.count !== undefined && one.fired >= one.rule.count) held.delete(one.id);
    return true;
  };
  return {
    fired,
    add(given) {
      last += 1;
      const rule = given.drivers ? { ...given, drivers: given.drivers.map(canonicalId) } : given;
      const untilMs = rule.forMs === undefined ? Number.POSITIVE_INFINITY : now() + rule.forMs;
      held.set(last, { id: last, rule, fired: 0, untilMs, turns: new Map() });
      return last;
    },
    remove: (id) => held.delete(id),
    clear: () => held.clear(),
    list: () => [...held.values()].map(({ id, fired: times, rule }) => ({ id, fired: times, rule })),
    draw(subject, atMs, among) {
      let latencyMs = 0;
      let fault: FaultRule | null = null;
      for (const one of held.values()) {
        if (one.untilMs <= atMs) held.delete(one.id);
        else if (among ? !among.includes(one.rule.kind) : isOfItems(one.rule.kind)) continue;
        else if (one.rule.kind === 'latency') {
          if (fires(one, subject)) latencyMs += latencyOf(one.rule, shareOf(seed, one.id, one.fired, 'latency'));
        } else if (!fault && fires(one, subject)) fault = one.rule;
      }
      return { latencyMs, fault };
    },
  };
}

function isOfItems(kind: FaultKind): boolean {
  return kind === 'batchItemError' || kind === 'batchItemMissing';
}

function matches({ rule }: Held, subject: FaultSubject): boolean {
  const calls = rule.calls ?? ['check', 'status', 'session', 'batch'];
  if (!calls.includes(subject.kind)) return false;
  if (rule.drivers && (subject.driverId === null || !rule.drivers.includes(subject.driverId))) return false;
  if (rule.kind === 'blocked' && subject.connected !== true) return false;
  return rule.connected === undefined || rule.connected === subject.connected;
}

/** Log-normal between the two figures given, or plain `ms`. `share` is the draw, 0 to 1. */
function latencyOf(rule: FaultRule, share: number): number {
  if (rule.medianMs === undefined) return rule.ms ?? 0;
  const sigma = Math.log(Math.max(1, (rule.p99Ms ?? rule.medianMs) / rule.medianMs)) / 2.326;
  return rule.medianMs * Math.exp(sigma * normal(Math.min(Math.max(share, 1e-6), 1 - 1e-6)));
}

/** The inverse of the normal distribution, good to 0.005: Tukey's lambda with the lambda that fits it best. */
function normal(share: number): number {
  return (share ** 0.135 - (1 - share) ** 0.135) / 0.1975;
}
