/** Waits out short refusals: an agent's parallel requests exceed a limit for a second now and then. */

import { setTimeout as sleep } from "node:timers/promises";
import { TokengateError } from "../api/errors.ts";

const longestWait = 10;
const mostWaits = 3;

/** Send a request, again if a rate limit allows it within ten seconds. Rejects when the signal aborts. */
export async function sendPatiently<T>(send: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let waits = 0; ; waits++) {
    try {
      return await send();
    } catch (error) {
      const seconds = secondsToWait(error);
      if (seconds === undefined || waits === mostWaits) {
        throw error;
      }
      await sleep(seconds * 1000, undefined, { signal });
    }
  }
}

function secondsToWait(error: unknown): number | undefined {
  const isLimit = error instanceof TokengateError && error.status === 429 && error.retryable;
  const seconds = isLimit ? error.retryAfter : undefined;
  return seconds !== undefined && seconds <= longestWait ? seconds : undefined;
}
