import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { openRandom, type Random } from '../../simulator/random.ts';
import { readBalance } from '../../src/store/balance.ts';
import { addPeople } from '../people.ts';
import type { Figures, Soak } from '../soak.ts';
import { inside, openWorld, outside, type World } from '../world.ts';
import { type Ledger, openLedger, type SentEvent } from './ledger.ts';
import { encode, type Letter, writeLetter } from './letters.ts';
import { idOf, makeTown, type TownPerson, type TownProfile } from './town.ts';

const options = { events: 1_000_000, people: 20_000, seed: 1 };
const partitions = 8;
const roundOf = 5_000;
/** From round to round by the clocks, which stand still within one. */
const roundMs = 1_000;
/** Nothing is late: a deadline that passes because the machine is busy makes an outcome unknown, and what is sent then depends on time. */
const patience = { deadlineMs: 3_600_000, connectTimeoutMs: 3_600_000, slackMs: 3_600_000 };

/**
 * Random events through intake and delivery, round by round: batches of all partitions at once, some of them brought twice or from further back,
 * then pushes, then everything that waits is looked at. After each round nothing may be missing; at the end every kind must have
 * exactly as many as the ledger says, and the regulator must know exactly those who are connected.
 */
export async function checkBalance(
  { events, people: count, seed }: typeof options,
  databaseUrl: string,
  signal: AbortSignal,
): Promise<Figures> {
  await using world = await openWorld({ databaseUrl, stepped: true, limits: patience });
  const town = makeTown(count, partitions, String(seed), world.clock.now());
  await settleTown(world, town);
  const ledger = openLedger();
  const topic = openTopic(world, town, ledger, openRandom(`${seed}/letters`));
  let unbalanced = 0;
  while (ledger.sent < events) {
    signal.throwIfAborted();
    const left = Math.min(roundOf, events - ledger.sent);
    const pushed = Math.floor(left / 10);
    await topic.round(left - pushed);
    await topic.push(pushed);
    await world.delivery.runOnce();
    ledger.lookedAt();
    if ((await readBalance(world.db)).difference !== 0) unbalanced += 1;
    await world.advance(roundMs);
  }
  const differences = await compare(world, ledger);
  const wrongAtRegulator = town.filter(
    (person) => isOpen(world, person) !== ledger.isReported(person) && person.fate !== 'blocked',
  ).length;
  return {
    sent: ledger.sent,
    kinds: Object.fromEntries([...ledger.read()].sort()),
    calls: world.regulator.calls.total,
    unbalanced,
    differences,
    wrongAtRegulator,
    ok: unbalanced === 0 && Object.keys(differences).length === 0 && wrongAtRegulator === 0,
  };
}

async function settleTown({ db, places, regulator }: World, town: readonly TownPerson[]): Promise<void> {
  const known = town.filter(({ fate }) => fate !== 'stranger');
  for (const person of town) {
    regulator.registry.put(idOf(person), `licence ${person.no}`);
    if (person.fate === 'blocked') regulator.registry.block(idOf(person), Number.POSITIVE_INFINITY);
    if (person.fate === 'nowhere') continue;
    for (const { parkId, driverId } of person.profiles)
      places.set(`${parkId}/${driverId}`, person.fate === 'outside' ? outside : inside);
  }
  await addPeople(
    db,
    known.map((person) => ({
      token: `person-${person.no}`,
      deptransId: person.fate === 'unbound' ? null : idOf(person),
      profiles: person.profiles,
      categories: [person.fate === 'tariff' ? 'cargo' : 'econom'],
    })),
  );
}

function openTopic({ intake, clock }: World, town: readonly TownPerson[], ledger: Ledger, random: Random) {
  const profiles = town.flatMap((person) => person.profiles);
  const byPartition = Map.groupBy(profiles, ({ partition }) => partition);
  const logs = Array.from({ length: partitions }, (): { offset: number; value: Uint8Array | null }[] => []);
  const note = (letters: readonly (Letter & { offset: number })[], generation: number) => {
    for (const letter of letters) if ('refusal' in letter) ledger.refused(letter.refusal);
    ledger.taken(
      letters.flatMap((letter): SentEvent[] =>
        'event' in letter ? [{ ...letter.event, generation, offset: letter.offset }] : [],
      ),
    );
  };
  const take = async (partition: number, count: number) => {
    const log = logs[partition]!;
    const first = log.length;
    const mine = byPartition.get(partition) ?? [];
    const letters = Array.from({ length: mine.length === 0 ? 0 : count }, (_, i) => ({
      ...writeLetter(mine, random, clock.now()),
      offset: first + i,
    }));
    for (const letter of letters)
      log.push({ offset: letter.offset, value: 'event' in letter ? encode(letter.event) : letter.value });
    note(letters, 1);
    const from = random.chance(0.2) ? Math.max(0, first - random.int(50)) : first;
    const place = { topic: 'soak', partition, generation: 1, topicId: 'one' };
    const batch = { ...place, from, next: log.length, messages: log.slice(from) };
    await Promise.all(Array.from({ length: random.chance(0.1) ? 2 : 1 }, () => intake.takeBatch(batch)));
  };
  return {
    async round(count: number) {
      await Promise.all(logs.map((_, partition) => take(partition, Math.ceil(count / partitions))));
    },
    async push(count: number) {
      const letters = Array.from({ length: count }, () => writeLetter(profiles, random, clock.now()));
      const events = letters.flatMap((letter) => ('event' in letter ? [letter.event] : []));
      note(
        events.map((event) => ({ event, offset: -1 })),
        0,
      );
      await intake.takeEvents(events.map(toMessage), new AbortController().signal);
    },
  };
}

function toMessage({ profile, status, atMs }: { profile: TownProfile; status: string; atMs: number }) {
  const { parkId, driverId } = profile;
  const word = status.toUpperCase() as 'OFFLINE' | 'ONLINE' | 'BUSY';
  return create(ContractorStatusEventSchema, {
    parkId,
    driverId,
    status: ContractorStatus[word],
    eventAt: timestampFromMs(atMs),
  });
}

/** Kinds that the service counts otherwise than the ledger, with both numbers. */
async function compare({ db }: World, ledger: Ledger): Promise<Record<string, { should: number; is: number }>> {
  const { taken, ended, waiting } = await readBalance(db);
  const actual = new Map<string, number>([['taken', taken]]);
  const add = (kind: string, n: number) => actual.set(kind, (actual.get(kind) ?? 0) + n);
  for (const { outcome, reason, n } of ended)
    add(outcome === 'expired' || reason === '' ? outcome : `${outcome} ${reason}`, n);
  for (const { parked, reason, n } of waiting) add(`${parked ? 'parked' : 'pending'} ${reason}`, n);
  const expected = new Map([...ledger.read(), ['taken', ledger.sent]]);
  const kinds = new Set([...actual.keys(), ...expected.keys()]);
  const both = [...kinds].map(
    (kind) => [kind, { should: expected.get(kind) ?? 0, is: actual.get(kind) ?? 0 }] as const,
  );
  return Object.fromEntries(both.filter(([, { should, is }]) => should !== is));
}

function isOpen({ regulator, clock }: World, person: TownPerson): boolean {
  return regulator.registry.shift(idOf(person), clock.now())?.endedAtMs === null;
}

export const balanceSoak: Soak<typeof options> = {
  name: 'balance',
  shows: 'G1: a million random events, every kind compared with what was sent',
  options,
  deadlineMs: ({ events }) => 120_000 + events * 4,
  async run(size, signal) {
    await using server = await startPostgres({ durable: false });
    return await checkBalance(size, server.url, signal);
  },
};
