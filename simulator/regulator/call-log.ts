/**
 * The regulator's own record of every call, in the order of arrival. Bounded: beyond `maxCalls` the oldest are forgotten and counted.
 */
export type CallLog = {
  begin(call: Pick<CallRecord, 'kind' | 'driverId' | 'connected' | 'occurredAtMs'>, atMs: number): CallRecord;
  /** Oldest first. A copy. */
  all(): CallRecord[];
  of(driverId: string): CallRecord[];
  clear(): void;
  readonly total: number;
  readonly forgotten: number;
  /** Reports that came while another of the same driver was unanswered or could still be applied. */
  readonly overlapping: number;
  /** Wire answers by their word. */
  readonly answers: Readonly<Record<string, number>>;
  /** Must be called when the call can have no effect any more and its caller waits no longer. */
  end(record: CallRecord): void;
  answered(record: CallRecord, answer: string, atMs: number): void;
};

export type CallKind = 'authenticate' | 'check' | 'status' | 'session' | 'batch';

export type CallRecord = {
  readonly no: number;
  readonly kind: CallKind;
  /** Canonical; null for a login or a call that could not be read. An item of a batch has a record of its own. */
  readonly driverId: string | null;
  readonly connected: boolean | null;
  readonly occurredAtMs: number | null;
  readonly receivedAtMs: number;
  appliedAtMs: number | null;
  /** What it did to the shift. */
  effect: string | null;
  /** When the last byte of the answer was handed to the socket; null if no answer went out. */
  answeredAtMs: number | null;
  answer: string | null;
  /** The fault that was injected. */
  fault: string | null;
  /** Another report of this driver was under way when this one came. */
  overlaps: boolean;
};

export function openCallLog(maxCalls: number): CallLog {
  let records: CallRecord[] = [];
  let underWay = new Map<string, number>();
  let answers: Record<string, number> = {};
  let total = 0;
  let forgotten = 0;
  let overlapping = 0;
  const isReport = (record: { kind: CallKind }) => record.kind === 'status' || record.kind === 'batch';
  return {
    get total() {
      return total;
    },
    get forgotten() {
      return forgotten;
    },
    get overlapping() {
      return overlapping;
    },
    get answers() {
      return answers;
    },
    begin(call, atMs) {
      const busy = call.driverId !== null && isReport(call) ? (underWay.get(call.driverId) ?? 0) : 0;
      if (call.driverId !== null && isReport(call)) underWay.set(call.driverId, busy + 1);
      if (busy > 0) overlapping += 1;
      total += 1;
      const record: CallRecord = {
        no: total,
        ...call,
        receivedAtMs: atMs,
        appliedAtMs: null,
        effect: null,
        answeredAtMs: null,
        answer: null,
        fault: null,
        overlaps: busy > 0,
      };
      records.push(record);
      if (records.length > maxCalls * 1.25) {
        forgotten += records.length - maxCalls;
        records = records.slice(-maxCalls);
      }
      return record;
    },
    answered(record, answer, atMs) {
      record.answeredAtMs = atMs;
      record.answer = answer;
      answers[answer] = (answers[answer] ?? 0) + 1;
    },
    end(record) {
      if (record.driverId === null || !isReport(record)) return;
      const left = (underWay.get(record.driverId) ?? 1) - 1;
      if (left > 0) underWay.set(record.driverId, left);
      else underWay.delete(record.driverId);
    },
    all: () => records.slice(),
    of: (driverId) => records.filter((record) => record.driverId === driverId),
    clear() {
      records = [];
      underWay = new Map();
      answers = {};
      total = forgotten = overlapping = 0;
    },
  };
}
