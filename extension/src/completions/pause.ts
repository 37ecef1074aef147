/** Stops completions while the server would refuse them: nobody waits for a request made by typing. */

import { TokengateError } from "../api/errors.ts";

const afterFailure = 30_000;
const withoutTokens = 60 * 60_000;

export class Pause {
  #until = 0;
  #reason: TokengateError | undefined;

  /** Why completions are paused, or undefined if they are not. */
  get reason(): TokengateError | undefined {
    return Date.now() < this.#until ? this.#reason : undefined;
  }

  /** Pause after a refusal. Returns whether one began. Other errors have no effect. */
  begin(error: unknown): boolean {
    if (!(error instanceof TokengateError)) {
      return false;
    }
    const until = endOf(error);
    this.#reason = error;
    this.#until = until ?? 0;
    return until !== undefined;
  }

  end(): void {
    this.#until = 0;
  }
}

function endOf(error: TokengateError): number | undefined {
  if (error.status === 402 || error.needsSignIn) {
    // Until the period ends. The pause also ends when the user signs in or asks for a completion.
    const resets = Date.parse(error.resetsAt ?? "");
    return Number.isNaN(resets) ? Date.now() + withoutTokens : resets;
  }
  if (error.retryAfter !== undefined) {
    return Date.now() + error.retryAfter * 1000;
  }
  return error.retryable || error.status === 403 ? Date.now() + afterFailure : undefined;
}
