import { HOUR, type RegionFigures, type Sum } from '../supply/supply.ts';
import { CHECK_NUMBERS, REASON_NUMBERS } from './verdict-messages.ts';

/** `weight`: what shares are of. Tariffs and reasons of nobody are left out. */
export function lossMessages(figures: RegionFigures, weight: (sum: Sum) => number, isPast: boolean) {
  const those = figures.filter(({ category, connected }) => category === '' || weight(connected) > 0);
  return those.map(({ category, connected, failing, unknown, blocked, reasons }) => {
    const whole = weight(connected);
    const message = (sum: Sum) => ({
      people: BigInt(sum.people),
      share: whole > 0 ? weight(sum) / whole : 0,
      hours: isPast ? sum.ms / HOUR : 0,
    });
    return {
      category,
      connected: message(connected),
      failing: message(failing),
      unknown: message(unknown),
      blocked: message(blocked),
      reasons: reasons
        .filter(({ people }) => weight(people) > 0)
        .map(({ check, reason, people, blocked: of }) => ({
          check: CHECK_NUMBERS[check],
          reason: REASON_NUMBERS[reason],
          people: message(people),
          blocked: message(of),
        })),
    };
  });
}
