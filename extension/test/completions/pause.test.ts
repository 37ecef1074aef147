import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { TokengateError } from "../../src/api/errors.ts";
import { Pause } from "../../src/completions/pause.ts";

const now = Date.parse("2026-11-30T12:00:00Z");

function error(
  status: number,
  facts: { code?: string; retryAfter?: number; resetsAt?: string; retryable?: boolean },
) {
  return new TokengateError("Refused.", { code: "refused", status, retryable: false, ...facts });
}

function paused(after: TokengateError, milliseconds: number): boolean {
  mock.timers.enable({ apis: ["Date"], now });
  try {
    const pause = new Pause();
    pause.begin(after);
    mock.timers.tick(milliseconds);
    return pause.reason !== undefined;
  } finally {
    mock.timers.reset();
  }
}

describe("completions are paused", () => {
  it("without tokens, until the period ends", () => {
    const refusal = error(402, { resetsAt: "2026-11-30T13:00:00Z" });
    assert.equal(paused(refusal, 3_599_000), true);
    assert.equal(paused(refusal, 3_600_000), false);
  });

  it("over a limit, until the server allows requests", () => {
    const refusal = error(429, { retryAfter: 5, retryable: true });
    assert.equal(paused(refusal, 4_999), true);
    assert.equal(paused(refusal, 5_000), false);
  });

  it("for half a minute while the server fails", () => {
    assert.equal(paused(error(503, { retryable: true }), 29_999), true);
    assert.equal(paused(error(503, { retryable: true }), 30_000), false);
  });

  it("when the session has ended", () => {
    assert.equal(paused(error(401, { code: "token_revoked" }), 60_000), true);
  });

  it("not by the error of one request", () => {
    assert.equal(paused(error(400, {}), 0), false);
  });

  it("until the user asks for one", () => {
    const pause = new Pause();
    assert.equal(pause.begin(error(402, {})), true);
    pause.end();
    assert.equal(pause.reason, undefined);
  });
});
