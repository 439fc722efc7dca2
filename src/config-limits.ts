import { z } from 'zod';

/** The kinds of limits, with their defaults. Durations are milliseconds. */
export const ms = (byDefault: number, min = 1) =>
  z
    .number()
    .int()
    .min(min)
    .max(31 * 86_400_000)
    .default(byDefault);
export const count = (byDefault: number, min = 1, max = 1_000_000) =>
  z.number().int().min(min).max(max).default(byDefault);

export const degrees = (byDefault: number, most: number) => z.number().min(-most).max(most).default(byDefault);

export const section = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape).prefault({} as never);
