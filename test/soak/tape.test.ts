import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { WatchStatusesResponseSchema } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { readMessage } from '../../soak/histories/history.ts';
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
  const order = [...places, places[0]!];
  const streams = [{ from: null, atMs: order.map((_, i) => i), places: order, end: 'cut', isPrompt: true }];
  const recorded: Recorded[] = [{ name: 'one', kind: 'statuses', filter: [], streams }];
  const [history, ...others] = [...played(recorded, tape)];
  expect(others).toEqual([]);
  const expected = order.map((place, atMs) => ({ ...readMessage('statuses', messages[place]!).frame, atMs }));
  expect(history!.streams[0]!.frames).toEqual(expected);
});
