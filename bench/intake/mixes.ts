/** What a driver's app goes through, again and again. */
export type Mix = readonly ('online' | 'busy' | 'offline')[];

/** A driver who is off and on all the time: every second event is a change of connected. The hardest for us. */
export const restless: Mix = ['online', 'busy', 'online', 'offline'];

/** A shift of ten orders with one break: one event in six is a change of connected. */
export const shift: Mix = ['online', ...Array.from({ length: 5 }, () => ['busy', 'online'] as const).flat(), 'offline'];
