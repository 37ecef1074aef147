import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Format } from "../../src/account/format.ts";
import { type ErrorFacts, TokengateError } from "../../src/api/errors.ts";
import { isCancelled, noticeOf } from "../../src/ui/errors.ts";
import { CancellationError } from "../vscode/stub.ts";

const format = new Format("en-US", "UTC");

function notice(facts: Partial<ErrorFacts>): { message: string; actions: unknown } {
  const all = { code: "x", status: 400, retryable: false, requestId: "req-1", ...facts };
  return noticeOf(new TokengateError("What happened.", all), format);
}

describe("what the user is told", () => {
  it("has the request id, for support", () => {
    assert.deepEqual(notice({}), { message: "What happened. (req-1)", actions: [] });
  });

  it("leads to the sign-in when the session is over", () => {
    for (const code of ["token_revoked", "not_authenticated", "invalid_api_key"]) {
      assert.deepEqual(notice({ code, status: 401 }).actions, [{ kind: "signIn", label: "Sign in" }]);
    }
  });

  it("is in the editor's language when the server has ended the session", () => {
    const { message } = notice({ code: "token_revoked", status: 401 });
    assert.equal(message, "Your Tokengate session has ended. Sign in again. (req-1)");
  });

  it("leads to more tokens when they are used up", () => {
    const url = "https://tokengate.example/pricing";
    const { actions } = notice({ code: "insufficient_tokens", status: 402, upgradeUrl: url });
    assert.deepEqual(actions, [{ kind: "open", label: "Get more tokens", url }]);
  });

  it("says when a limited request can be repeated", () => {
    const limited = { code: "rate_limited", status: 429 };
    assert.equal(
      notice({ ...limited, retryAfter: 6.2 }).message,
      "What happened. Try again in 7 seconds. (req-1)",
    );
    assert.equal(
      notice({ ...limited, resetsAt: "2026-12-01T00:00:00Z" }).message,
      "What happened. Try again after Dec 1, 2026, 12:00 AM. (req-1)",
    );
  });

  it("leads to a diagnosis when there was no answer", () => {
    const { actions } = notice({ code: "network", status: 0 });
    assert.deepEqual(actions, [{ kind: "diagnose", label: "Diagnose" }]);
  });

  it("is the message of any other error", () => {
    assert.deepEqual(noticeOf(new Error("Broken."), format), { message: "Broken.", actions: [] });
    assert.equal(noticeOf("text", format).message, "text");
  });

  it("is nothing when the user has stopped it", () => {
    assert.ok(isCancelled(new CancellationError()));
    assert.ok(isCancelled(new DOMException("Stopped.", "AbortError")));
    assert.ok(!isCancelled(new Error("Broken.")));
  });
});
