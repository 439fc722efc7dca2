import { CheckSchema, VerdictReasonSchema } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import type { SupplyLoss } from '../../gen/deptrans/v1/supply_pb.ts';

/** Hours of driving under names: `moscow econom connected`, `moscow any SESSION NO_SESSION blocked`. */
export type Hours = Map<string, number>;

/** Adds the hours of losses of a region. */
export function addHours(hours: Hours, region: string, losses: readonly SupplyLoss[]): void {
  for (const { category, connected, failing, unknown, blocked, reasons } of losses) {
    const at = `${region} ${category || 'any'}`;
    const add = (name: string, sum: { hours: number } | undefined) =>
      hours.set(`${at} ${name}`, (hours.get(`${at} ${name}`) ?? 0) + (sum?.hours ?? 0));
    add('connected', connected);
    add('failing', failing);
    add('unknown', unknown);
    add('blocked', blocked);
    for (const one of reasons) {
      const name = `${CheckSchema.value[one.check]?.localName} ${VerdictReasonSchema.value[one.reason]?.localName}`;
      add(name, one.people);
      add(`${name} blocked`, one.blocked);
    }
  }
}

/** A figure of a preview beside what happened; `by`: the difference as a part of the connected. */
export type Difference = { name: string; said: number; happened: number; by: number };

/** How far apart they are, the furthest first. */
export function compareHours(said: Hours, happened: Hours): Difference[] {
  return [...new Set([...said.keys(), ...happened.keys()])]
    .map((name): Difference => {
      const whole = happened.get(`${name.split(' ').slice(0, 2).join(' ')} connected`) ?? 0;
      const [before, after] = [said.get(name) ?? 0, happened.get(name) ?? 0];
      return { name, said: before, happened: after, by: whole > 0 ? Math.abs(before - after) / whole : 0 };
    })
    .sort((a, b) => b.by - a.by);
}
