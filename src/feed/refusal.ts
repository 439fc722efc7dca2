/** Why the feed does not serve a request: reasons of the contract. */
export type RefusalReason =
  | 'CURSOR_MALFORMED'
  | 'CURSOR_AHEAD'
  | 'SERVICE_DEGRADED'
  | 'SHUTTING_DOWN'
  | 'STREAM_AGED'
  | 'TOO_MANY_STREAMS'
  | 'SNAPSHOTS_BUSY';

/** An expected refusal, to be told to the caller in the contract's words. */
export class FeedRefusal extends Error {
  override readonly name = 'FeedRefusal';
  readonly reason: RefusalReason;
  /** When trying again may help. */
  readonly retryAfterMs: number | undefined;

  constructor(reason: RefusalReason, retryAfterMs?: number) {
    super(reason);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}
