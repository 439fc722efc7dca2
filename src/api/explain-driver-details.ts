import type { JournalLine } from '../store/driver-record.ts';
import type { Explained } from './explain-driver-message.ts';
import { time } from './explanation-details.ts';
import { isAcceptedReport } from './recorded-events.ts';

/** What was recorded of a driver up to a moment of the past, in sentences, from the driver's app to the regulator. Times are UTC. */
export function describeRecord({ at, record, binding }: Explained): string[] {
  const { changes, calls, shift } = record;
  const [change, call] = [changes[0], calls[0]];
  const accepted = calls.find(isAcceptedReport);
  return [
    change
      ? `The driver had ${change.direction} at ${time(change.happenedAt ?? change.at)}, which came at ${time(change.at)}.`
      : 'No change of the driver up to then is in the journal.',
    describeBinding(binding),
    accepted
      ? `The regulator had last accepted "${accepted.direction}"${accepted.region ? ` in ${accepted.region}` : ''} at ${time(accepted.answeredAt ?? accepted.at)}.`
      : 'The regulator had accepted no report about the person within the journal.',
    ...(call && !isAcceptedReport(call) ? [describeCall(call)] : []),
    shift
      ? `The shift was ${shift.status} since ${time(shift.updatedAt)}${shift.endsAt ? `, with its end at ${time(shift.endsAt)}` : ''}.`
      : `No shift of the person was known at ${time(at)}.`,
  ];
}

function describeBinding(binding: Explained['binding']): string {
  if (!binding) return 'No government id had been bound.';
  const { state, account, since, reason } = binding;
  if (state === null) return 'How the government id stood is not recorded.';
  const mark = account ? ` (mark ${account.slice(0, 8)})` : '';
  const when = since ? ` since ${time(since)}` : ' since before the journal begins';
  return `The government id was ${state}${mark}${when}${reason ? `: ${reason}` : ''}.`;
}

function describeCall({ kind, outcome, reason, answeredAt, at }: JournalLine): string {
  const call = kind === 'lookup' ? 'reading' : 'report';
  return `The last ${call} ended as ${outcome}${reason ? ` (${reason})` : ''} at ${time(answeredAt ?? at)}.`;
}

/** The moment by the clocks of the place: drivers tell of their hours, and everything else here is UTC. */
export function describeHour({ at, timeZone, verdicts, now }: Explained): string[] {
  if (timeZone === null || !verdicts) return [];
  // Swedish writes dates as ISO does.
  const there = at.toLocaleString('sv-SE', { timeZone });
  return [`By the clocks of ${verdicts.judgement.region} it ${now ? 'is' : 'was'} ${there} (${timeZone}).`];
}

/** What would bear on it and is not recorded. */
export function notRecorded({ record, now, binding, verdicts, events }: Explained): string[] {
  const unended = events.some(({ outcome }) => outcome === '');
  const lost = unended
    ? ['How those events ended that have no outcome here: newer ones of their kind have taken their place.']
    : [];
  if (now) return lost;
  return [
    'Whose profile it was, and its tariffs: driver-profiles and driver-categories-api have no past here. The person is the one whose it is now.',
    'Where the driver was: positions are not kept. The region is the one in which the shift was last judged.',
    'How old the copies of instances and consumers were, and whether one had stepped back by itself: the verdicts are made as if all were well.',
    ...(binding && binding.state === null
      ? ['How the government id stood: a check after a change of licence leaves no line.']
      : []),
    ...(!verdicts && binding?.state !== null ? ['The rules of reporting of then, and so the verdicts.'] : []),
    ...(record.profile?.person ? [] : ['Anything of the journal: nobody knows whose profile it is.']),
    ...lost,
  ];
}
