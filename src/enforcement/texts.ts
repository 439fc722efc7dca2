import { z } from 'zod';
import { OUTCOME_OF, type Reason } from '../../verdict/verdict.ts';

/** What a driver is told about a verdict, by its reason: for translators to edit, and read at start. */
export type Texts = Readonly<Record<ShownReason, Readonly<{ ru: string; en: string; action: string }>>>;

/** Reasons of which a driver is told anything: what fails, and a shift that ends soon. */
export type ShownReason =
  | { [R in Reason]: (typeof OUTCOME_OF)[R] extends 'fail' ? R : never }[Reason]
  | 'session_ends_soon';

const text = z.string().trim().min(1).max(500);
const entry = z.strictObject({
  ru: text,
  en: text,
  /** A word by which the app knows what to offer. */
  action: z
    .string()
    .regex(/^[a-z][a-z_]{0,39}$/)
    .optional()
    .transform((word) => word ?? ''),
});

const shown = (Object.keys(OUTCOME_OF) as Reason[]).filter(isShown);

export const textsSchema: z.ZodType<Texts> = z.strictObject(
  Object.fromEntries(shown.map((reason) => [reason, entry])) as Record<ShownReason, typeof entry>,
);

export function isShown(reason: Reason): reason is ShownReason {
  return OUTCOME_OF[reason] === 'fail' || reason === 'session_ends_soon';
}
