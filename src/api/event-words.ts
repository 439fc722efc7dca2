import { time } from './explanation-details.ts';
import {
  FILTERED_WORDS,
  OUTCOME_WORDS,
  PARKED_WORDS,
  PENDING_WORDS,
  QUARANTINED_WORDS,
  sentenceFor,
} from './reason-words.ts';
import type { RecordedEvent } from './recorded-events.ts';

/** An event and what became of it, in a sentence or two. */
export function describeEvent(event: RecordedEvent): string {
  return `${what(event)}: ${became(event)}`;
}

function what({ connected, happenedAt }: RecordedEvent): string {
  const when = happenedAt ? time(happenedAt) : null;
  if (connected === null) return `An event${when ? ` of ${when}` : ''}`;
  return `The driver ${connected ? 'connected' : 'disconnected'}${when ? ` at ${when}` : ''}`;
}

function became({ outcome, reason, endedAt }: RecordedEvent): string {
  const ended = endedAt ? ` (${time(endedAt)})` : '';
  switch (outcome) {
    case '':
      return 'how it ended is not recorded.';
    case 'pending':
      return `pending. ${reason === '' ? 'Why it waited is not recorded.' : sentenceFor(PENDING_WORDS, reason)}`;
    case 'parked':
      return `parked. ${sentenceFor(PARKED_WORDS, reason)}`;
    case 'filtered':
      return `filtered${ended}. ${sentenceFor(FILTERED_WORDS, reason)}`;
    case 'quarantined':
      return `quarantined${ended}. ${sentenceFor(QUARANTINED_WORDS, reason)}`;
    default:
      return `${outcome}${ended}. ${OUTCOME_WORDS[outcome]}`;
  }
}
