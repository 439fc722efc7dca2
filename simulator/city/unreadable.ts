/** What a broken sender may put on the topic: each is to be refused with a reason, and nothing around it to be lost. Null is a tombstone. */
export function unreadableValue(no: number, nowMs: number): Buffer | null {
  const kinds: readonly (() => Buffer | null)[] = [
    () => Buffer.from('{"park_id":"park-1","driver_id":'),
    () => Buffer.from([0xff, 0xfe, 0x00, 0x01, 0x80]),
    () => Buffer.alloc(0),
    () => null,
    () => json({ status: 'asleep', event_at: new Date(nowMs).toISOString() }),
    () => json({ park_id: '', status: 'online', event_at: new Date(nowMs).toISOString() }),
    () => json({ driver_id: 'd'.repeat(65), status: 'online', event_at: new Date(nowMs).toISOString() }),
    () => json({ status: 'online', event_at: Math.floor(nowMs / 1_000) }),
    () => json({ status: 'online', event_at: new Date(nowMs + 3_600_000).toISOString() }),
    () => json({ status: 'online', event_at: new Date(nowMs - 8 * 86_400_000).toISOString() }),
    () => Buffer.from('{"a":'.repeat(2_000)),
    () => Buffer.from('hello'),
  ];
  return kinds[no % kinds.length]!();
}

function json(fields: object): Buffer {
  return Buffer.from(JSON.stringify({ park_id: 'park-1', driver_id: 'broken', ...fields }));
}
