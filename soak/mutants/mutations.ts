/**
 * For each trap of reading the brief literally, the fix taken out: where it stands, what stands there, and what the literal reading would have
 * written. Every one must turn a test of its trap red; a test that stays green does not show what it says.
 */
export type Mutation = {
  readonly trap: number;
  /** The literal reading that is put back. */
  readonly naive: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly text: string;
  readonly replacement: string;
  /** The tests that must not all pass. */
  readonly test: string;
};

export const mutations: readonly Mutation[] = [
  {
    trap: 1,
    naive: 'a person is judged by the profiles that changed, not by all of them',
    file: 'src/store/look.ts',
    text: 'if (fact[3] !== null) look.profiles.push',
    replacement: 'if (fact[3] !== null && fact[9] !== null) look.profiles.push',
    test: 'test/traps/t01-person-merge.test.ts',
  },
  {
    trap: 2,
    naive: 'what was sent is deleted, whatever stands there now',
    file: 'src/store/settle-rows.ts',
    text: ' and q.version = g.version',
    replacement: '',
    test: 'test/traps/t02-status-during-call.test.ts',
  },
  {
    trap: 3,
    naive: 'only the latest status is kept',
    file: 'src/store/intake.ts',
    text: 'for (const transition of fold.transitions)',
    replacement: 'for (const transition of fold.transitions.slice(-1))',
    test: 'test/traps/t03-journal.test.ts',
  },
  {
    trap: 4,
    naive: 'a place counts however old it is',
    file: 'src/clients/newest-positions.ts',
    text: "if (now - at > maxAgeMs) told('old');\n    else if",
    replacement: 'if',
    test: 'test/traps/t04-place-when-decided.test.ts',
  },
  {
    trap: 5,
    naive: 'who is no longer eligible is filtered out, open or not',
    file: 'src/domain/plan.ts',
    text: 'if (account.doubt || account.believed) {',
    replacement: "if ((account.doubt || account.believed) && desired.reason === 'offline') {",
    test: 'test/traps/t05-always-closes.test.ts',
  },
  {
    trap: 6,
    naive: 'nobody looks for people who became eligible without an event',
    file: 'src/delivery/sweep.ts',
    text: "return open || account.parkedReason ? null : 'drive_in';",
    replacement: 'return null;',
    test: 'test/traps/t06-nobody-unreported.test.ts',
  },
  {
    trap: 7,
    naive: 'every event is sent',
    file: 'src/domain/plan.ts',
    text: 'if (account.doubt || !account.believed || newShift) {',
    replacement: 'if (look) {',
    test: 'test/traps/t07-only-changes.test.ts',
  },
  {
    trap: 8,
    naive: 'an unknown place is outside',
    file: 'src/domain/eligibility.ts',
    text: "return unknown ? { kind: 'wait', reason: 'no_position' } : { kind: 'disconnected', reason: 'outside' };",
    replacement: "return { kind: 'disconnected', reason: 'outside' };",
    test: 'test/traps/t08-places-unknown.test.ts',
  },
  {
    trap: 9,
    naive: 'only the new person of a profile is looked at',
    file: 'src/store/mirror-profiles.ts',
    text: '[before?.person, person].filter(',
    replacement: '[person].filter(',
    test: 'test/traps/t09-licence-change.test.ts',
  },
  {
    trap: 9,
    naive: 'whose id it was is not noted',
    file: 'src/store/mirror-profiles.ts',
    text: 'mode.quiet ? [] : await noteLicenceChanges(tx, moved.flatMap(leaving))',
    replacement: '[]',
    test: 'test/traps/t09-licence-change.test.ts',
  },
  {
    trap: 10,
    naive: 'the check that is saved last wins, however old it is',
    file: 'src/store/bindings.ts',
    text: '  if (!same) return null;\n',
    replacement: '',
    test: 'test/traps/t10-one-id-two-people.test.ts',
  },
  {
    trap: 12,
    naive: 'nothing happens when a session ends',
    file: 'src/domain/settlement.ts',
    text: 'if (account.believed && account.sessionEnd && !account.sessionOverAt) {',
    replacement: 'if (!limits) {',
    test: 'test/traps/t12-session-ends.test.ts',
  },
  {
    trap: 15,
    naive: 'every instance logs in by itself',
    file: 'src/store/tokens.ts',
    text: "            and coalesce(greatest(t.login_until, t.next_login_at), '-infinity') <= deptrans.now()\n",
    replacement: '',
    test: 'test/traps/t15-one-token.test.ts',
  },
  {
    trap: 16,
    naive: 'the backlog goes out in the order in which it came',
    file: 'src/store/claim.ts',
    text: "claimSome(limit - ofOldest, leaseMs, 'desc')",
    replacement: "claimSome(limit - ofOldest, leaseMs, 'asc')",
    test: 'test/traps/t16-after-an-outage.test.ts',
  },
  {
    trap: 17,
    naive: 'a refusal for good is retried',
    file: 'src/domain/plan.ts',
    text: "    if (parked) return { kind: 'wait', reason: 'parked' };\n",
    replacement: '',
    test: 'test/traps/t17-parked.test.ts',
  },
  {
    trap: 18,
    naive: 'a 200 means success',
    file: 'src/regulator/moscow-wire.ts',
    text: "body['error'] : undefined",
    replacement: "body['never'] : undefined",
    test: 'test/traps/t18-body-decides.test.ts',
  },
  {
    trap: 19,
    naive: 'a time-out is a failure',
    file: 'src/domain/settlement.ts',
    text: '{ ...account, doubt: true,',
    replacement: '{ ...account, doubt: false,',
    test: 'test/traps/t19-timeout.test.ts',
  },
  {
    trap: 21,
    naive: 'events are in order',
    file: 'src/domain/status-fold.ts',
    text: 'return (event.eventAtMs - known.eventAtMs || generation - known.generation || event.offset - known.offset) > 0;',
    replacement: 'return event.offset !== known.offset || generation !== known.generation;',
    test: 'test/traps/t21-order-of-events.test.ts',
  },
  {
    trap: 22,
    naive: 'a start asks the neighbours first',
    file: 'src/mirror/mirror.ts',
    text: '        await look(kind.name);\n        const term',
    replacement: '        const term',
    test: 'test/traps/t22-restart-alone.test.ts',
  },
  {
    trap: 23,
    naive: 'a status is told with its own time, however old it is',
    file: 'src/domain/plan.ts',
    text: 'return now.getTime() - newest > maxAgeMs ? now : new Date(newest);',
    replacement: 'return new Date(newest);',
    test: 'test/traps/t23-old-status.test.ts',
  },
  {
    trap: 24,
    naive: 'a region that is switched off is no longer looked at',
    file: 'src/delivery/sweep.ts',
    text: "    case 'region_off':\n      return 'rules';",
    replacement: "    case 'region_off':\n      return null;",
    test: 'test/traps/t24-region-off.test.ts',
  },
];
