import type { BindingState } from '../domain/binding.ts';
import type { AccountFacts, DriverFacts } from '../store/operations-explain.ts';

/** What is recorded, in sentences, from the driver's app to the regulator. Times are UTC. No id and no token is in them. */
export function describeFacts(facts: DriverFacts): string[] {
  return [
    describeStatus(facts),
    describeProfile(facts),
    ...(facts.profile?.hasPerson ? [describeBinding(facts)] : []),
    ...describeRow(facts),
    ...(facts.account ? describeAccount(facts.account, facts.now) : []),
    ...describeLastAccepted(facts),
    ...describeSurroundings(facts),
  ];
}

function describeStatus({ status }: DriverFacts): string {
  if (!status) return 'No status event of this profile is remembered.';
  return `The app has been ${status.status} since ${time(status.eventAt)}; it was last heard of at about ${time(status.seenAt)}.`;
}

function describeProfile({ profile, mirrorComplete }: DriverFacts): string {
  if (!profile) {
    return mirrorComplete
      ? 'driver-profiles does not know the profile.'
      : 'driver-profiles has not been read to its end yet, and the profile has not come so far.';
  }
  if (profile.deleted) return 'driver-profiles says that the profile is deleted.';
  if (!profile.hasPerson) return 'driver-profiles has no licence for the profile.';
  const tariffs = profile.categories.length > 0 ? profile.categories.join(', ') : 'none';
  return `driver-profiles knows whose profile it is. Tariffs: ${tariffs}.`;
}

const BINDING_WORDS = {
  bound: 'A government id is bound',
  unbound: 'The government id was unbound',
  recheck: 'The government id must be checked again, because the licence changed; so it stands',
  rejected: 'The regulator took the government id back; so it stands',
} as const satisfies Record<BindingState, string>;

function describeBinding({ binding }: DriverFacts): string {
  if (!binding) return 'The driver never entered a government id.';
  return `${BINDING_WORDS[binding.state]} since ${time(binding.updatedAt)}.`;
}

function describeRow({ row }: DriverFacts): string[] {
  if (!row) return [];
  return [`A change of ${time(row.eventAt)} is in the queue since ${time(row.queuedAt)}.`];
}

function describeAccount({ look, leased, dueAt, settledAt, sessionStatus }: AccountFacts, now: Date): string[] {
  const { account, profiles } = look;
  const known = account.believed ? 'connected' : 'disconnected';
  const sentences = [`As we believe, the regulator holds the driver for ${known}; last looked at ${time(settledAt)}.`];
  if (account.doubt) sentences.push('A call may have taken effect without our knowing.');
  if (sessionStatus) {
    const end = account.sessionEnd ? `, with its end at ${time(account.sessionEnd)}` : '';
    sentences.push(`The last session that the regulator told us of is ${sessionStatus}${end}.`);
  }
  if (account.sessionOverAt) {
    sentences.push(
      `The regulator ended it at ${time(account.sessionOverAt)}; a new one begins when the driver goes off line and on line again.`,
    );
  }
  if (account.outsideSince)
    sentences.push(`The driver has been outside the region since ${time(account.outsideSince)}.`);
  if (account.parkedReason) {
    const until = account.parkUntil ? ` until ${time(account.parkUntil)}` : '';
    sentences.push(`Refused ${account.parkCount} times in a row, parked (${account.parkedReason})${until}.`);
  }
  if (leased) sentences.push('It is being looked at right now.');
  else if (dueAt)
    sentences.push(dueAt > now ? `It is looked at again at ${time(dueAt)}.` : 'It is due to be looked at.');
  if (profiles.length > 1) {
    const connected = profiles.filter((profile) => profile.connected).length;
    sentences.push(
      `The person has ${profiles.length} profiles, ${connected} of them on line; one that may be reported is enough.`,
    );
  }
  return sentences;
}

function describeLastAccepted({ lastAccepted }: DriverFacts): string[] {
  if (!lastAccepted) return [];
  const { direction, region, happenedAt, acceptedAt } = lastAccepted;
  const where = region ? ` in ${region}` : '';
  const since = happenedAt ? `, for a change of ${time(happenedAt)}` : '';
  return [`The regulator last accepted "${direction}"${where} at ${time(acceptedAt)}${since}.`];
}

function describeSurroundings({ pause, regulator }: DriverFacts): string[] {
  const sentences: string[] = [];
  if (pause) sentences.push(`Delivery is paused since ${time(pause.since)} by ${pause.pausedBy}: ${pause.reason}`);
  if (!regulator.up)
    sentences.push(`The regulator has not answered since ${regulator.since ? time(regulator.since) : 'a while'}.`);
  return sentences;
}

/** To the second, UTC. */
export function time(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
