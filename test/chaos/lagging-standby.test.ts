import { expect, test } from 'vitest';
import { loseTheLag } from '../../soak/standby/standby.ts';

const size = { people: 220 };

/** 5 % of the long form. */
test.each([
  ['looked up', {}, { repeats: 'secondShift' as const }],
  ['written anew', { ordersByOccurredAt: true }, { ordersByOccurredAt: true, repeats: 'harmless' as const }],
])(
  'reports that a failover to a lagging standby made unknown are %s, and at rest nobody differs (220 of 4,400 people)',
  async (_, limits, settings) => {
    const { signal } = new AbortController();
    const figures = await loseTheLag(size, { limits, regulator: { settings } }, signal);
    expect(figures).toMatchObject({ ok: true, differ: 0, secondShifts: 0, missing: 0, sentAtOnce: 0 });
  },
  600_000,
);

test('without doubts after the failover somebody would differ', async () => {
  const { signal } = new AbortController();
  const figures = await loseTheLag(size, { limits: { failoverLagMs: 0 } }, signal);
  expect(figures['wrong']).toContain('comes, and leaves after the failover');
}, 600_000);
