import { SETTINGS } from './settings.ts';
import type { Trap } from './trap.ts';

const { lookUp } = SETTINGS;

/** Traps about events: their order, their place in the topic, and their times. */
export const intakeTraps: readonly Trap[] = [
  {
    name: '36: the offset is not kept with the data',
    setting: lookUp,
    naive: {
      mutations: [{ statement: 'positions.move', take: 'next_offset = $3', put: 'next_offset = next_offset + 0 * $3' }],
    },
    trace: 'event P1 off · again',
    found: /the state of P1 is not its last/,
  },
  {
    name: '37: events are ordered by their arrival',
    setting: lookUp,
    naive: {
      mutations: [
        {
          statement: 'states.lock',
          take: '(extract(epoch from s.event_at) * 1000)::float8 as event_at_ms',
          put: "'-infinity'::float8 as event_at_ms",
        },
      ],
    },
    trace: 'event P1 off · event P1 on late',
    found: /the state of P1 is not its last/,
  },
  {
    name: '38: a topic made again is the old one',
    setting: lookUp,
    naive: { topicIsForEver: true },
    trace: 'event P1 on · topic · event P1 off',
    found: /the state of P1 is not its last/,
  },
  {
    name: '39: an event of the future is believed',
    setting: lookUp,
    naive: {
      mutations: [{ statement: 'positions.lock', take: '* 1000)::float8', put: '* 1000 + 7200000)::float8' }],
    },
    trace: 'event P1 on future · event P1 off',
    found: /the state of P1 is not its last/,
  },
];
