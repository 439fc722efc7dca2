import { z } from 'zod';
import { parseSessionStatus, type Session } from '../domain/session.ts';

/** About whom the regulator was asked, and who is told of what cannot be true in its answer. */
export type Asked = {
  deptransId: string;
  now: Date;
  /** Called for each thing that was left out or is not understood; nothing else becomes of it. */
  told?: (oddity: Oddity) => void;
};

/**
 * `word`: a status that we do not know; it is kept as it is and counts as open. `time_unreadable`: a time without zone, or none at all; `time_absurd`:
 * not within a year; `start_in_future`: a shift that has not begun; each of them is left out, and the rest of the shift counts. `end_passed`: a shift
 * that is open and whose end has passed; both are believed, and it is read again. `unreadable`: no shift at all. `another_driver`: the answer names
 * another driver than was asked about, and says nothing of this one.
 */
export type Oddity =
  | 'word'
  | 'time_unreadable'
  | 'time_absurd'
  | 'start_in_future'
  | 'end_passed'
  | 'unreadable'
  | 'another_driver';

const dateTime = z.core.regexes.datetime({ offset: true });
const YEAR_MS = 366 * 86_400_000;
/** Clocks differ. */
const CLOCKS_MS = 60_000;

/** Reads a shift as it comes; undefined if it cannot be read. By hand: it is read with every report. */
export function readShift(value: unknown, { now, told = ignore }: Asked): Session | undefined {
  const id = textOf(value, 'id');
  const word = textOf(value, 'status');
  if (id === null || word === null) {
    if (value !== undefined && value !== null) told('unreadable');
    return undefined;
  }
  const { status, raw } = parseSessionStatus(word);
  if (status === 'unrecognised') told('word');
  const startedAt = readTime(value, 'startedAt', now, told);
  const endsAt = readTime(value, 'endGuess', now, told);
  const isOpen = status === 'issued' || status === 'online';
  if (isOpen && endsAt && endsAt.getTime() < now.getTime() - CLOCKS_MS) told('end_passed');
  const isFuture = startedAt !== null && startedAt.getTime() > now.getTime() + CLOCKS_MS;
  if (isFuture) told('start_in_future');
  return { id, status, raw, startedAt: isFuture ? null : startedAt, endsAt, endIsEstimate: isOpen };
}

/** Whether an answer, or the shift in it, names a driver, and another one than was asked about. */
export function isAnotherDriver(body: unknown, { deptransId, told = ignore }: Asked): boolean {
  const named = driverOf(body) ?? driverOf(fieldOf(body, 'session'));
  if (named === null || named === deptransId) return false;
  told('another_driver');
  return true;
}

function driverOf(value: unknown): string | null {
  const id = fieldOf(value, 'driverId');
  if (typeof id !== 'string' && typeof id !== 'number') return null;
  return String(id).replace(/^0+(?=.)/, '');
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function textOf(value: unknown, name: string): string | null {
  const text = fieldOf(value, name);
  return typeof text === 'string' && text.length >= 1 && text.length <= 128 ? text : null;
}

/** A time with its zone, within a year of now; null if there is none. */
function readTime(value: unknown, name: string, now: Date, told: (oddity: Oddity) => void): Date | null {
  const text = fieldOf(value, name);
  if (text === undefined || text === null) return null;
  const date = typeof text === 'string' && dateTime.test(text) ? new Date(text) : null;
  if (!date) told('time_unreadable');
  if (!date || Math.abs(date.getTime() - now.getTime()) < YEAR_MS) return date;
  told('time_absurd');
  return null;
}

function ignore(): void {}
