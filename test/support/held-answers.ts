import type { Regulator } from '../../src/regulator/regulator.ts';

type Kind = 'report' | 'checkId';

/**
 * A regulator whose answers can be held back: what a test does until they are released happens while the call is under way, however slow the machine is.
 * The call itself goes out and takes effect at once.
 */
export function openHeldAnswers(regulator: Regulator) {
  const gates = new Map<Kind, Promise<void>>();
  const held =
    <Given extends unknown[], Answer>(kind: Kind, call: (...given: Given) => Promise<Answer>) =>
    async (...given: Given): Promise<Answer> => {
      const answer = await call(...given);
      await gates.get(kind);
      return answer;
    };
  const behind: Regulator = {
    name: regulator.name,
    capabilities: regulator.capabilities,
    checkId: held('checkId', regulator.checkId.bind(regulator)),
    report: held('report', regulator.report.bind(regulator)),
    reportBatch: regulator.reportBatch.bind(regulator),
    session: regulator.session.bind(regulator),
  };
  return {
    regulator: behind,
    /** Holds answers of this kind back from now on. Returns what lets them go, and holds no more. */
    hold(kind: Kind): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      gates.set(kind, promise);
      return () => {
        gates.delete(kind);
        resolve();
      };
    },
  };
}
