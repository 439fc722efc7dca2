import { expect, test } from 'vitest';
import { openSlots } from '../../src/feed/slots.ts';
import { systemClock } from '../../src/runtime/clock.ts';

test('as many as there are, and again when they are given back', () => {
  const slots = openSlots(2, systemClock);
  const [first, second] = [slots.take(), slots.take()];
  expect([slots.take(), slots.taken]).toEqual([null, 2]);
  first!();
  first!(); // twice is once
  expect(slots.taken).toBe(1);
  expect(slots.take()).not.toBeNull();
  expect(slots.take()).toBeNull();
  second!();
  expect(slots.taken).toBe(1);
});

test('a place that is held for too long goes to the next who comes, and comes back once', () => {
  let time = 0;
  const slots = openSlots(1, { ...systemClock, monotonic: () => time }, 100);
  const slow = slots.take()!;
  time = 100;
  expect(slots.take()).toBeNull();
  time = 101;
  const next = slots.take();
  expect(next).not.toBeNull();
  slow();
  expect(slots.taken).toBe(1);
  next!();
  expect(slots.taken).toBe(0);
});
