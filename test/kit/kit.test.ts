import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openKeyEncoder } from '../../src/feed/key-encoder.ts';
import { hashItem, murmur3, newLanes } from '../../src/feed/key-hash.ts';
import { viewOf } from '../../src/feed/text-in-place.ts';
import { openTestDatabase } from '../support/database.ts';
import { describeRecording, meaningOf } from './describe.ts';
import { KIT, kitNames, readHistory } from './files.ts';
import { record } from './record/recorder.ts';
import { SCRIPTS } from './record/scripts.ts';
import { parse } from './replay.ts';
import { vectors } from './vectors.ts';

const names = await kitNames();

test('every script has its history', () => {
  expect(names.sort()).toEqual(SCRIPTS.map(({ name }) => name).sort());
});

test.each(names)('the history %s holds what is said of it', async (name) => {
  const { recording, history } = await readHistory(name);
  expect(describeRecording(recording)).toEqual(history);
});

test.each(SCRIPTS)('the feed still tells the history $name', async (script) => {
  await using database = await openTestDatabase();
  const told = await record(script, database.db);
  const { recording, history } = await readHistory(script.name);
  expect(meaningOf(told, describeRecording(told))).toEqual(meaningOf(recording, history));
});

test('a replayer that loses a frame, or takes one twice, is found out', async () => {
  const { recording } = await readHistory('statuses');
  const changed = (change: (messages: Uint8Array[]) => Uint8Array[]) => () =>
    describeRecording({
      ...recording,
      connections: recording.connections.map((one) => ({ ...one, messages: change(one.messages) })),
    });
  expect(changed((messages) => messages)).not.toThrow();
  expect(changed((messages) => messages.toSpliced(2, 1))).toThrow();
  expect(changed((messages) => messages.toSpliced(2, 0, messages[2]!))).toThrow('something is missing');
});

test('the kit covers every kind of frame, every mode and every reason', async () => {
  const seen = new Set<string>();
  for (const name of names) {
    const { recording } = await readHistory(name);
    for (const bytes of recording.connections.flatMap(({ messages }) => messages)) {
      const { frame } = parse(recording.stream, bytes);
      const more = frame.case === 'hello' ? frame.value.mode : frame.case === 'reset' ? frame.value.reason : '';
      seen.add(`${frame.case} ${more}`.trim());
      if (frame.case === 'changes' && frame.value.compacted) seen.add('compacted');
      if (frame.case === 'changes' && frame.value.records.some(({ deleted }) => deleted)) seen.add('tombstone');
    }
  }
  const kinds = ['snapshotBegin', 'snapshotEnd', 'changes', 'heartbeat', 'goAway', 'policy', 'compacted', 'tombstone'];
  const numbered = ['hello 1', 'hello 2', 'hello 3', 'reset 1', 'reset 2', 'reset 3'];
  expect([...seen].sort()).toEqual([...kinds, ...numbered].sort());
});

test('the vectors of docs/consuming.md are among those of the kit', async () => {
  const text = await readFile(join(KIT, '../../docs/consuming.md'), 'utf8');
  const row =
    /^\| (?:`(.*)`|\(empty\)) \| (?:`(.*)`|\(empty\)) \| (\d+) \| `(\w+)` \| `(\w+)` \| (\d+) \| `(\w+)` \|$/gm;
  const rows = [...text.matchAll(row)].map(([, park_id = '', driver_id = '', seq, lo, hi, bucket, item]) => ({
    ...{ park_id, driver_id, seq, lo, hi },
    bucket: Number(bucket),
    item,
  }));
  expect(rows.length).toBe(5);
  const { records } = vectors();
  for (const told of rows) expect(records).toContainEqual(told);
});

test('the vectors are what the service computes', async () => {
  const kept = JSON.parse(await readFile(join(KIT, 'vectors.json'), 'utf8')) as ReturnType<typeof vectors>;
  expect(kept).toEqual(vectors());
  const lanes = newLanes();
  for (const { text, seed, hash } of kept.murmur3_x86_32) {
    const bytes = Buffer.from(text);
    const [number, wanted] = [Number.parseInt(seed, 16), Number.parseInt(hash, 16)];
    murmur3(viewOf(bytes), 0, bytes.length, lanes, number, number);
    expect(lanes).toEqual({ lo: wanted, hi: wanted });
  }
  const encoder = openKeyEncoder();
  for (const { park_id, driver_id, seq, lo, hi, item } of kept.records) {
    encoder.set(park_id, driver_id);
    expect([encoder.lo, encoder.hi]).toEqual([lo, hi].map((lane) => Number.parseInt(lane, 16)));
    hashItem(encoder.lo, encoder.hi, Number(seq), lanes);
    expect(BigInt(lanes.lo) + (BigInt(lanes.hi) << 32n)).toBe(BigInt(`0x${item}`));
  }
});
