/**
 * What the checks cost, by what is really so in the city: a count of everybody, by the rules of the trade as the contract words them. Slow and plain, and without a line of
 * the service's.
 */
export type LossPerson = {
  /** Has a licence on record. */
  readonly licensed: boolean;
  readonly binding: 'unbound' | 'bound' | 'recheck';
  readonly boundAtMs: number;
  /** The newest shift, as far as the regulator said; null: none. */
  readonly shift: { readonly word: ShiftWord; readonly endsAtMs: number; readonly region: string } | null;
  /** The region in which the person is; null: outside of all. */
  readonly place: string | null;
  /** Where the person stands in a roll-out, 0 to 9,999. */
  readonly share: number;
  readonly profiles: readonly LossProfile[];
};

export type ShiftWord = 'issued' | 'online' | 'finished' | 'unrecognised';
export type LossProfile = {
  readonly parkId: string;
  readonly tariffs: readonly string[];
  readonly connected: boolean;
  readonly heardAtMs: number;
};

export type LossRule = {
  readonly check: 'deptrans_id' | 'session';
  /** Empty: all. */
  readonly tariffs: readonly string[];
  readonly blocks: boolean;
  readonly fromMs: number;
  readonly share: number;
  readonly withoutParks: readonly string[];
  readonly graceMs: number;
};

export type LossRegion = {
  readonly tariffs: readonly string[];
  readonly endsSoonMs: number;
  readonly rules: readonly LossRule[];
};

export type LossLaw = { readonly regions: Readonly<Record<string, LossRegion>>; readonly silenceMs: number };

/** Counts under names: `moscow any connected`, `moscow econom deptrans_id no_id`, `… blocked`. What is 0 is missing. */
export type LossCounts = Record<string, number>;

export function countLoss(people: Iterable<LossPerson>, law: LossLaw, nowMs: number): LossCounts {
  const counts: LossCounts = {};
  for (const person of people) countPerson(counts, person, law, nowMs);
  return counts;
}

function countPerson(counts: LossCounts, person: LossPerson, law: LossLaw, nowMs: number): void {
  const { shift } = person;
  const isOpen = shift !== null && shift.word !== 'finished' && shift.endsAtMs > nowMs;
  const region = isOpen ? shift.region : person.place;
  const own = region === null ? undefined : law.regions[region];
  if (!own) return;
  const on = person.profiles.filter(({ connected, heardAtMs }) => connected && heardAtMs + law.silenceMs >= nowMs);
  const tariffs = own.tariffs.filter((tariff) => on.some((profile) => profile.tariffs.includes(tariff)));
  if (tariffs.length === 0) return;
  const says = { deptrans_id: sayId(person), session: sayShift(person, own, nowMs) };
  const fails = { deptrans_id: says.deptrans_id === 'no_id', session: FAILING.includes(says.session) };
  const unsure = UNSURE.includes(says.deptrans_id) || UNSURE.includes(says.session);
  const stopped = (check: LossRule['check'], tariff: string) =>
    fails[check] && on.every((one) => !one.tariffs.includes(tariff) || blocks(check, tariff, one, person, own, nowMs));
  const held = (tariff: string) =>
    on.every(
      (one) =>
        !one.tariffs.includes(tariff) ||
        (fails.deptrans_id && blocks('deptrans_id', tariff, one, person, own, nowMs)) ||
        (fails.session && blocks('session', tariff, one, person, own, nowMs)),
    );
  const count = (tariff: string, what: string) => {
    const name = `${region} ${tariff} ${what}`;
    counts[name] = (counts[name] ?? 0) + 1;
  };
  for (const [name, of] of [['any', tariffs], ...tariffs.map((one): [string, string[]] => [one, [one]])] as [
    string,
    string[],
  ][]) {
    count(name, 'connected');
    if (fails.deptrans_id || fails.session) count(name, 'failing');
    else if (unsure) count(name, 'unknown');
    if (of.every(held)) count(name, 'blocked');
    for (const check of ['deptrans_id', 'session'] as const) {
      count(name, `${check} ${says[check]}`);
      if (of.every((tariff) => stopped(check, tariff))) count(name, `${check} ${says[check]} blocked`);
    }
  }
}

const FAILING = ['no_session', 'session_ended'];
const UNSURE = ['id_recheck', 'person_unknown', 'session_state_unknown'];

function sayId({ licensed, binding }: LossPerson): string {
  if (!licensed) return 'person_unknown';
  return binding === 'bound' ? 'ok' : binding === 'unbound' ? 'no_id' : 'id_recheck';
}

function sayShift({ licensed, binding, shift }: LossPerson, { endsSoonMs }: LossRegion, nowMs: number): string {
  if (!licensed) return 'person_unknown';
  if (!shift || shift.word === 'finished' || (shift.endsAtMs <= nowMs && shift.word !== 'unrecognised')) {
    if (binding === 'recheck') return 'id_recheck';
    return shift ? 'session_ended' : 'no_session';
  }
  if (shift.word !== 'online') return 'session_state_unknown';
  return shift.endsAtMs - nowMs <= endsSoonMs ? 'session_ends_soon' : 'ok';
}

/** Whether the first rule that is for this driver and tariff now blocks. */
function blocks(
  check: LossRule['check'],
  tariff: string,
  { parkId }: LossProfile,
  { licensed, share, binding, boundAtMs }: LossPerson,
  { rules }: LossRegion,
  nowMs: number,
): boolean {
  for (const rule of rules) {
    if (rule.check !== check || (rule.tariffs.length > 0 && !rule.tariffs.includes(tariff))) continue;
    if (rule.fromMs > nowMs || rule.withoutParks.includes(parkId)) continue;
    if (rule.share < 10_000 && !(licensed && share < rule.share)) continue;
    if (rule.graceMs > 0 && binding === 'bound' && boundAtMs + rule.graceMs > nowMs) continue;
    return rule.blocks;
  }
  return false;
}
