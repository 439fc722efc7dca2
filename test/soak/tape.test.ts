import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { WatchStatusesResponseSchema } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { readMessage } from '../../soak/histories/history.ts';
import { openMessageIndex } from '../../soak/histories/message-index.ts';
import { openTape, played, type Recorded } from '../../soak/histories/tape.ts';

function changes(seq: number, drivers: number): Uint8Array {
  const records = Array.from({ length: drivers }, (_, i) => ({ parkId: 'p', driverId: `d${i}`, seq: BigInt(seq) }));
  const value = { prevSeq: BigInt(seq - 1), throughSeq: BigInt(seq), cursor: Uint8Array.of(seq % 256), records };
  return toBinary(
    WatchStatusesResponseSchema,
    create(WatchStatusesResponseSchema, { frame: { case: 'changes', value } }),
  );
}

test('what was kept on tape is played as it came, equal messages once, also when there is more than stays in memory', () => {
  using tape = openTape(100);
  const messages = Array.from({ length: 40 }, (_, i) => changes(i + 1, 10));
  const places = messages.map((message) => tape.keep('statuses', message).place);
  expect(tape.keep('statuses', messages[7]!)).toMatchObject({ place: places[7], case: 'changes', position: 8 });
  expect(tape.cursorAt(places[9]!)).toEqual(Uint8Array.of(10));
  const order = [...places, places[0]!];
  const streams = [{ from: null, atMs: order.map((_, i) => i), places: order, end: 'cut', isPrompt: true }];
  const recorded: Recorded[] = [{ name: 'one', kind: 'statuses', filter: [], streams }];
  const [history, ...others] = [...played(recorded, tape)];
  expect(others).toEqual([]);
  const expected = order.map((place, atMs) => ({ ...readMessage('statuses', messages[place]!).frame, atMs }));
  expect(history!.streams[0]!.frames).toEqual(expected);
});

test('an index finds each of many messages by its hash, and no other', () => {
  const index = openMessageIndex();
  const hashOf = (i: number) => createHash('sha1').update(`${i}`).digest();
  const entry = (i: number) =>
    ({ kind: 'ids', case: 'changes', from: i * 2 ** 33, length: i, position: i - 1 }) as const;
  const many = Array.from({ length: 10_000 }, (_, i) => i);
  const places = many.map((i) => [index.find(hashOf(i)), index.add(hashOf(i), entry(i))]);
  expect(places).toEqual(many.map((i) => [-1, i]));
  expect(many.map((i) => [index.find(hashOf(i)), index.at(i)])).toEqual(many.map((i) => [i, entry(i)]));
});
