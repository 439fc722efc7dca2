import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Copy } from '../../consumer/copy.ts';
import { recordOf } from '../../consumer/driver-record.ts';
import { Inspector } from '../../consumer/inspector.ts';
import { DriverIdRecordSchema, SessionRecordSchema } from '../../gen/deptrans/v1/records_pb.ts';
import { openRandom } from '../support/feed/random.ts';

type Held = { seq: number; person: string; text: string };

function put(copy: Copy, kind: 'ids' | 'statuses', driverId: string, seq: number, held: Held | null): void {
  const common = { parkId: 'park', driverId, driverLicensePdId: held?.person ?? '', seq: BigInt(seq), deleted: !held };
  const bytes =
    kind === 'ids'
      ? toBinary(
          DriverIdRecordSchema,
          create(DriverIdRecordSchema, { ...common, bound: true, deptransId: held?.text ?? '' }),
        )
      : toBinary(
          SessionRecordSchema,
          create(SessionRecordSchema, { ...common, sessionStatus: 6, sessionStatusRaw: held?.text ?? '', region: 'r' }),
        );
  copy.put(kind, bytes, 0, bytes.length);
}

test('whatever comes, again and out of order too, the copy holds the newest of each, and knows it', () => {
  for (const seed of [1, 2, 3]) {
    const random = openRandom(seed);
    const copy = new Copy();
    const newest = { ids: new Map<string, Held>(), statuses: new Map<string, Held>() };
    const seen = { ids: new Map<string, number>(), statuses: new Map<string, number>() };
    for (let seq = 1; seq < 4_000; seq++) {
      const kind = random.chance(0.5) ? 'ids' : 'statuses';
      const driverId = `driver-${random.int(150)}`;
      const person = ['', 'somebody', 'somebody else', 'x'.repeat(120)][random.int(4)]!;
      const held = random.chance(0.25) ? null : { seq, person, text: ['', '77', 'ж'.repeat(40)][random.int(3)]! };
      put(copy, kind, driverId, seq, held);
      seen[kind].set(driverId, seq);
      if (held) newest[kind].set(driverId, held);
      else newest[kind].delete(driverId);
      const [again] = newest[kind];
      if (again && again[1].seq > 1 && random.chance(0.2))
        put(copy, kind, again[0], again[1].seq - 1, { seq: 0, person: 'old', text: 'old' });
    }
    const inspector = new Inspector(copy);
    inspector.all();
    expect([inspector.damaged, inspector.misadded]).toEqual([0, 0]);
    const held = { ids: new Map<string, Held>(), statuses: new Map<string, Held>() };
    for (let row = 1; row < copy.rows.end; row++) {
      if (!copy.rows.isUsed(row)) continue;
      const { driverId, id, session } = recordOf(copy, row);
      if (id) held.ids.set(driverId, { seq: id.seq, person: id.person, text: id.deptransId });
      if (session) held.statuses.set(driverId, { seq: session.seq, person: session.person, text: session.raw });
    }
    expect(held).toEqual(newest);
    expect(copy.digests.ids.count).toBe(newest.ids.size);
  }
});

/** Another four bytes in whose place MurmurHash3 differs by `bits` in what it mixes in. */
function twin(word: number, bits: number): number {
  const inverse = (odd: number) => {
    let x = odd;
    for (let i = 0; i < 5; i++) x = Math.imul(x, 2 - Math.imul(odd, x));
    return x;
  };
  const rotated = (x: number, by: number) => (x << by) | (x >>> (32 - by));
  const [c1, c2] = [0xcc9e2d51, 0x1b873593];
  const scrambled = Math.imul(rotated(Math.imul(word, c1), 15), c2) ^ bits;
  return Math.imul(rotated(Math.imul(scrambled, inverse(c2)), 17), inverse(c1));
}

test('two keys of one hash are two rows', () => {
  // A difference that the next four bytes take back, whatever the seed: both lanes are equal.
  const words = [0x61626364, 0x65666768];
  const park = (first: number, second: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeInt32LE(first, 0);
    bytes.writeInt32LE(second, 4);
    return bytes;
  };
  const record = (parkId: Buffer, seq: number) =>
    Buffer.concat([Buffer.from([0x0a, 8]), parkId, Buffer.from([0x12, 1, 0x64, 0x38, seq])]);
  const copy = new Copy();
  const messages = [
    record(park(words[0]!, words[1]!), 5),
    record(park(twin(words[0]!, 1 << 18), twin(words[1]!, 1 << 31)), 6),
  ];
  const rows = messages.map((bytes) => copy.put('ids', bytes, 0, bytes.length));
  expect(copy.index.collisions).toBe(1);
  expect(rows[0]).not.toBe(rows[1]);
  expect(rows.map((row) => copy.seq('ids', row))).toEqual([5, 6]);
  copy.drop('ids', rows[0]!);
  expect([copy.index.collisions, copy.digests.ids.count, copy.seq('ids', rows[1]!)]).toEqual([0, 1, 6]);
});

test('records of broken bytes are refused, and change nothing', () => {
  const whole = toBinary(
    SessionRecordSchema,
    create(SessionRecordSchema, {
      parkId: 'p',
      driverId: 'd',
      seq: 7n,
      region: 'moscow',
      updatedAt: { seconds: 1n, nanos: 5 },
    }),
  );
  const copy = new Copy();
  let refused = 0;
  for (let length = 0; length < whole.length; length++) {
    try {
      copy.put('statuses', whole.subarray(0, length), 0, length);
    } catch (error) {
      expect((error as Error).name).toBe('FrameMalformed');
      refused += 1;
    }
  }
  expect(refused).toBe(whole.length); // the seq is the last field
  expect(copy.rows.count).toBe(0);
  const random = openRandom(3);
  for (let i = 0; i < 3_000; i++) {
    const noise = Uint8Array.from({ length: random.int(60) }, () => random.int(256));
    try {
      copy.put(random.chance(0.5) ? 'ids' : 'statuses', noise, 0, noise.length);
    } catch (error) {
      expect((error as Error).name).toBe('FrameMalformed');
    }
  }
});
