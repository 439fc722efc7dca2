import { describe, expect, test } from 'vitest';
import type { Regulator, Report } from '../../src/regulator/regulator.ts';
import { Masked } from '../../src/runtime/masked.ts';
import { until } from '../support/until.ts';

/** An adapter, and the city that it calls, as a test can make it behave. Drivers 7 and 8 are known, with the licences `licence of 7` and `licence of 8`. */
export type Subject = AsyncDisposable & {
  /** With all the time in the world. */
  readonly regulator: Regulator;
  /** With a deadline of this many ms. */
  hasty(deadlineMs: number): Regulator & AsyncDisposable;
  /** The city refuses whoever drives by this id when he connects. */
  block(id: string): void;
  /** The city holds the driver for connected. */
  isConnected(id: string): boolean;
  /** What the next report meets. */
  trouble(kind: Trouble): void;
  /** From now on the city takes no credentials of ours. */
  refuseCredentials(): void;
  /** Nobody listens there any more. */
  leave(): Promise<void>;
};

/**
 * `wait`: asks for a pause of 3 s. `failed`: an error of the city's own. `hang`: nothing at all. These take effect: `lost` never answers, `reset` cuts the
 * connection, `garbled` answers what nobody can read.
 */
export type Trouble = 'wait' | 'lost' | 'reset' | 'failed' | 'garbled' | 'hang';

const licence = (text: string) => new Masked<'LicenceNumber'>(text);
const never = new AbortController().signal;
/** Times of reports, in the order of `n`. */
const began = Date.now() - 60_000;
const at = (n: number) => new Date(began + n);

/**
 * What delivery relies on, whoever the regulator is. An adapter that passes may be reported through; one that cannot read shifts, or takes no batches, says so
 * in its capabilities and is held to that.
 */
export function regulatorContract(name: string, open: () => Promise<Subject>): void {
  describe(name, () => {
    test('a report is accepted and takes effect; the same again is no error', async () => {
      await using subject = await open();
      const { regulator } = subject;
      expect(await regulator.report('7', 'connected', at(1), never)).toMatchObject({ kind: 'accepted' });
      expect([subject.isConnected('7'), subject.isConnected('8')]).toEqual([true, false]);
      expect((await regulator.report('7', 'connected', at(2), never)).kind).toMatch(/^(already|accepted)$/);
      expect(await regulator.report('7', 'disconnected', at(3), never)).toMatchObject({ kind: 'accepted' });
      expect(subject.isConnected('7')).toBe(false);
      expect((await regulator.report('7', 'disconnected', at(4), never)).kind).toMatch(/^(already|accepted)$/);
      expect(await regulator.report('7', 'connected', at(5), never)).toMatchObject({ kind: 'accepted' });
      expect(subject.isConnected('7')).toBe(true);
    });

    test('what is refused for good is rejected with its reason, and has no effect', async () => {
      await using subject = await open();
      const { regulator } = subject;
      for (const direction of ['connected', 'disconnected'] as const)
        expect(await regulator.report('9', direction, at(1), never)).toEqual({
          kind: 'rejected',
          reason: 'driver_unknown',
        });
      subject.block('7');
      expect(await regulator.report('7', 'connected', at(2), never)).toEqual({
        kind: 'rejected',
        reason: 'driver_blocked',
      });
      expect(subject.isConnected('7')).toBe(false);
    });

    test.each<[Trouble, object, boolean]>([
      ['wait', { kind: 'throttled', retryAfterMs: 3_000 }, false],
      ['failed', { kind: 'unknown', reason: 'server_error' }, false],
      ['garbled', { kind: 'unknown', reason: 'unreadable' }, true],
      ['reset', { kind: 'unknown', reason: 'connection_lost' }, true],
    ])('%s: told apart, and ended by a newer report', async (kind, expected, applies) => {
      await using subject = await open();
      subject.trouble(kind);
      expect(await subject.regulator.report('7', 'connected', at(1), never)).toMatchObject(expected);
      expect(subject.isConnected('7')).toBe(applies);
      expect((await subject.regulator.report('7', 'connected', at(2), never)).kind).toMatch(/^(already|accepted)$/);
      expect(subject.isConnected('7')).toBe(true);
    });

    test.each<[Trouble, boolean, number]>([
      ['hang', false, 1_000],
      // It must have reached the city by then, on a busy machine too.
      ['lost', true, 3_000],
    ])('%s: ends at the deadline, and may have taken effect', async (kind, applies, deadlineMs) => {
      await using subject = await open();
      await using hasty = subject.hasty(deadlineMs);
      const checked = async () => (await hasty.checkId('7', licence('licence of 7'), never)).kind === 'accepted';
      await until(checked, 'the way is open: only the answer is late');
      subject.trouble(kind);
      expect(await hasty.report('7', 'connected', at(1), never)).toEqual({ kind: 'unknown', reason: 'timeout' });
      expect(subject.isConnected('7')).toBe(applies);
    });

    test('a call that we cut short may have taken effect', async () => {
      await using subject = await open();
      const cut = new AbortController();
      subject.trouble('hang');
      const call = subject.regulator.report('7', 'connected', at(1), cut.signal);
      cut.abort();
      expect(await call).toEqual({ kind: 'unknown', reason: 'cut_off' });
    });

    test('refused credentials, and a city that is not there: surely without effect', async () => {
      await using refused = await open();
      refused.refuseCredentials();
      expect(await refused.regulator.report('7', 'connected', at(1), never)).toEqual({ kind: 'unauthorised' });
      expect(await refused.regulator.checkId('7', licence('licence of 7'), never)).toEqual({ kind: 'unauthorised' });
      expect(refused.isConnected('7')).toBe(false);
      await using gone = await open();
      await gone.leave();
      expect(await gone.regulator.report('7', 'connected', at(1), never)).toEqual({ kind: 'unavailable' });
    });

    test.each([
      ['7', 'licence of 7', true],
      ['7', 'licence of 8', false],
      ['9', 'licence of 7', false],
    ])('whether the id %s is that of %s: %s', async (id, text, matches) => {
      await using subject = await open();
      const outcome = await subject.regulator.checkId(id, licence(text), never);
      expect(outcome).toEqual({ kind: 'accepted', value: { matches } });
    });

    test('several in one call have an outcome each, in order; whoever takes no batches says so and does nothing', async () => {
      await using subject = await open();
      const { regulator } = subject;
      const reports = ['7', '9', '8'].map(
        (deptransId): Report => ({ deptransId, direction: 'connected', occurredAt: at(1) }),
      );
      const outcomes = await regulator.reportBatch(reports, never);
      const isTaken = regulator.capabilities.maxBatch > 1;
      expect(outcomes?.map(({ kind }) => kind) ?? null).toEqual(isTaken ? ['accepted', 'rejected', 'accepted'] : null);
      expect([subject.isConnected('7'), subject.isConnected('8')]).toEqual([isTaken, isTaken]);
      expect(regulator.capabilities.maxBatch > 1).toBe(isTaken);
    });

    test('the shift is read where it can be, and else the reading surely has no effect', async () => {
      await using subject = await open();
      const { regulator } = subject;
      const read = () => regulator.session('7', never);
      if (!regulator.capabilities.canReadSession) {
        expect(await read()).toEqual({ kind: 'unavailable' });
        return;
      }
      expect(await read()).toEqual({ kind: 'accepted', value: null });
      await regulator.report('7', 'connected', at(1), never);
      expect(await read()).toMatchObject({
        kind: 'accepted',
        value: { status: expect.stringMatching(/^(issued|online)$/) },
      });
      await regulator.report('7', 'disconnected', at(2), never);
      expect(await read()).toMatchObject({ kind: 'accepted', value: { status: expect.stringMatching(/^fin/) } });
    });

    test('an older report after a newer one changes nothing, where the regulator is said to order them', async () => {
      await using subject = await open();
      const { regulator } = subject;
      if (!regulator.capabilities.ordersByOccurredAt) return;
      await regulator.report('7', 'disconnected', at(10), never);
      await regulator.report('7', 'connected', at(20), never);
      await regulator.report('7', 'disconnected', at(15), never);
      expect(subject.isConnected('7')).toBe(true);
    });

    test('two hundred calls at once are all answered, each with its own', async () => {
      await using subject = await open();
      const ids = Array.from({ length: 200 }, (_, i) => String(7 + (i % 3)));
      const answers = await Promise.all(ids.map((id) => subject.regulator.report(id, 'connected', at(1), never)));
      const kinds = new Set(answers.map(({ kind }, i) => `${ids[i]} ${kind}`));
      for (const kind of kinds) expect(kind).toMatch(/^([78] (accepted|already)|9 rejected)$/);
      expect([subject.isConnected('7'), subject.isConnected('8')]).toEqual([true, true]);
    });
  });
}
