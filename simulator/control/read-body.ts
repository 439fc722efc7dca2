import { BadCall, isRecord } from '../http/exchange.ts';

/** What a field of a control call may be. */
export type FieldKind = 'text' | 'texts' | 'number' | 'numberOrNull' | 'share' | 'boolean' | readonly string[];

/** The fields of a body, checked one by one. Throws BadCall that names every unknown field and every wrong value. */
export function readFields(body: unknown, fields: Readonly<Record<string, FieldKind>>): Record<string, unknown> {
  if (!isRecord(body)) throw new BadCall(400, 'BAD_REQUEST', 'the body must be an object');
  const problems = Object.entries(body).flatMap(([name, value]) => {
    const kind = fields[name];
    if (kind === undefined) return [`${name} is not known`];
    return fits(value, kind)
      ? []
      : [`${name} must be ${typeof kind === 'string' ? kind : `one of ${kind.join(', ')}`}`];
  });
  if (problems.length > 0) throw new BadCall(400, 'BAD_REQUEST', problems.join('; '));
  return body;
}

function fits(value: unknown, kind: FieldKind): boolean {
  if (typeof kind !== 'string') return typeof value === 'string' && kind.includes(value);
  switch (kind) {
    case 'text':
      return typeof value === 'string';
    case 'texts':
      return Array.isArray(value) && value.every((one) => typeof one === 'string');
    case 'number':
      return typeof value === 'number' && value >= 0;
    case 'numberOrNull':
      return value === null || (typeof value === 'number' && value >= 0);
    case 'share':
      return typeof value === 'number' && value >= 0 && value <= 1;
    case 'boolean':
      return typeof value === 'boolean';
    default:
      return kind satisfies never;
  }
}
