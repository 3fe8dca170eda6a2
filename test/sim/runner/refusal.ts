/** What a request to a runner is answered with when it is refused. */
import type { ErrorCode } from "../../../src/protocol/requests.ts";

export class Refusal extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
