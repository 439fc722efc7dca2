import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Copy, type Kind } from '../../consumer/copy.ts';
import { Key } from '../../consumer/hash.ts';
import { RowFacts } from '../../consumer/row-facts.ts';
import { DriverIdRecordSchema, SessionRecordSchema } from '../../gen/deptrans/v1/records_pb.ts';
import { shareOf } from '../../verdict/verdict.ts';
import { openRandom } from '../support/feed/random.ts';

const PEOPLE = ['ann', 'bob', 'éva', 'a token that is longer than a row has room for'.repeat(4), ''];
const REGIONS = ['moscow', 'tver', ''];
const DRIVERS = 40;

test('who a profile is of, his share and his region are those of the newest records, however often they change', () => {
  const copy = new Copy();
  const facts = new RowFacts(copy);
  const key = new Key();
  const told = new Map<string, { person: string | null; region: string | null }>();
  const random = openRandom(11);
  const oneOf = (list: readonly string[]) => list[random.int(list.length)]!;
  for (let seq = 1; seq <= 4_000; seq++) {
    const driverId = `driver-${random.int(DRIVERS)}`;
    const kind: Kind = random.chance(0.5) ? 'ids' : 'statuses';
    const deleted = random.chance(1 / 6);
    const [person, region] = [oneOf(PEOPLE), oneOf(REGIONS)];
    const common = { parkId: 'park', driverId, driverLicensePdId: person, seq: BigInt(seq), deleted };
    const bytes =
      kind === 'ids'
        ? toBinary(DriverIdRecordSchema, create(DriverIdRecordSchema, common))
        : toBinary(SessionRecordSchema, create(SessionRecordSchema, { ...common, region, sessionStatus: 2 }));
    copy.put(kind, bytes, 0, bytes.length);
    const held = told.get(driverId) ?? { person: null, region: null };
    if (kind === 'ids') held.person = deleted ? null : person;
    else held.region = deleted ? null : region;
    told.set(driverId, held);

    key.set('park', driverId);
    expect(facts.turnTo(copy.entryOf(key), 'park')).toBe(held.person !== null);
    if (held.person === null) continue;
    const expected = { person: held.person, share: shareOf(held.person), region: held.region ?? '' };
    for (let i = 0; i < 2; i++)
      expect({ person: facts.person, share: facts.share, region: facts.region }).toEqual(expected);
  }
});
