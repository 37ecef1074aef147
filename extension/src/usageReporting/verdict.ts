/** What becomes of a report when the server did not charge it. */

import { TokengateError } from "../api/errors.ts";

export type Verdict =
  /** Try again at this time, in milliseconds since 1970. */
  | { kind: "later"; at: number }
  /** The user has to sign in first. */
  | { kind: "signIn" }
  /** The server will never accept it. */
  | { kind: "refused"; reason: string };

const firstPause = 5_000;
const longestPause = 60 * 60_000;

export function verdictOn(error: unknown, attempts: number): Verdict {
  if (!(error instanceof TokengateError)) {
    return { kind: "later", at: Date.now() + pauseAfter(attempts) };
  }
  if (error.needsSignIn || error.status === 401) {
    return { kind: "signIn" };
  }
  if (error.status === 402 || error.status === 403) {
    // More tokens or a larger plan can change this at any time.
    return { kind: "later", at: Math.min(timeOf(error.resetsAt), Date.now() + longestPause) };
  }
  if (error.retryable || error.status === 429 || error.status >= 500 || error.status === 0) {
    const pause = Math.max((error.retryAfter ?? 0) * 1000, pauseAfter(attempts));
    return { kind: "later", at: Date.now() + pause };
  }
  return { kind: "refused", reason: error.describe() };
}

/** It doubles up to an hour. A random part keeps windows and users apart. */
function pauseAfter(attempts: number): number {
  const pause = Math.min(firstPause * 2 ** Math.min(attempts, 20), longestPause);
  return pause * (0.75 + Math.random() / 4);
}

function timeOf(date: string | undefined): number {
  const time = Date.parse(date ?? "");
  return Number.isNaN(time) ? Number.POSITIVE_INFINITY : time;
}
