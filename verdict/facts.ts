import type { Phase } from './judge-facts.ts';
import type { BindingState, SessionStatus } from './words.ts';

/** What is known of a profile. Times in ms since 1970. */
export type Facts = {
  readonly parkId: string;
  /** Whether the profile has a licence on record. */
  readonly hasPerson: boolean;
  /** The person behind the profile, an opaque token; empty if there is none. */
  readonly person: string;
  /** `shareOf(person)`; read only if there is one, and only by rules for a part of the people. */
  readonly share: number;
  readonly binding: BindingState;
  readonly bindingUpdatedAt: number | null;
  /** null: no shift has been seen. */
  readonly session: SessionStatus | null;
  readonly sessionUpdatedAt: number | null;
  /** When the shift ends or ended, as far as the regulator said. */
  readonly sessionEndedAt: number | null;
  /** Where the shift was last judged; empty if never. */
  readonly region: string;
  /** What `phaseOf` says of `sessionEndedAt`, for whoever knows it at less cost than the moment. */
  phase?(now: number, endsSoonMs: number): Phase;
};

/** What an order asks for. No region: the one where the shift was last judged. No categories: any tariff that is listed there. */
export type Order = { readonly region?: string | undefined; readonly categories?: readonly string[] | undefined };
