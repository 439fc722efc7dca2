/**
 * A call to a neighbour that gave no usable answer. Carries no body, no address and no cause: what neighbours say may be personal.
 *
 * `code`: `TIMEOUT` (the total deadline), `ABORTED` (by our own signal), `UNREACHABLE` (no connection, or it broke), `HTTP_<status>`,
 * `NOT_JSON`, `TOO_LARGE`, `UNEXPECTED` (JSON of another shape than agreed).
 */
export class CallFailed extends Error {
  readonly call: string;
  readonly code: string;
  /** The HTTP status, if an answer came. */
  readonly status: number | undefined;
  /** The neighbour's own machine code in an error body. */
  readonly peerCode: string | undefined;

  constructor(call: string, { code, status, peerCode }: { code: string; status?: number; peerCode?: string }) {
    super(`${call} failed: ${code}`);
    this.name = 'CallFailed';
    this.call = call;
    this.code = code;
    this.status = status;
    this.peerCode = peerCode;
  }
}
