import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { errorOfResponse } from "../../src/api/errors.ts";

const insufficient = {
  error: {
    type: "billing_error",
    code: "insufficient_tokens",
    message: "Your balance is not sufficient.",
    param: null,
    request_id: "req-1",
    retryable: false,
    needed: 900,
    available: 12,
    resets_at: "2026-12-01T00:00:00Z",
    upgrade_url: "https://tokengate.example/pricing",
  },
};

describe("the error of a response", () => {
  it("has the facts of the server's error object", async () => {
    const error = await errorOfResponse(Response.json(insufficient, { status: 402 }));
    assert.equal(error.code, "insufficient_tokens");
    assert.equal(error.status, 402);
    assert.equal(error.message, "Your balance is not sufficient.");
    assert.equal(error.requestId, "req-1");
    assert.equal(error.retryable, false);
    assert.equal(error.needed, 900);
    assert.equal(error.available, 12);
    assert.equal(error.resetsAt, "2026-12-01T00:00:00Z");
    assert.equal(error.upgradeUrl, "https://tokengate.example/pricing");
    assert.equal(error.describe(), "Your balance is not sufficient. (req-1)");
  });

  it("has the seconds of Retry-After, and the request id of the header", async () => {
    const body = { error: { code: "rate_limited", message: "Too many requests.", retryable: true } };
    const headers = { "Retry-After": "7", "X-Request-ID": "req-2" };
    const error = await errorOfResponse(Response.json(body, { status: 429, headers }));
    assert.equal(error.retryAfter, 7);
    assert.equal(error.requestId, "req-2");
    assert.equal(error.retryable, true);
  });

  it("is retryable for a gateway's page with 502, and not for one with 404", async () => {
    const unavailable = await errorOfResponse(new Response("<html>", { status: 502 }));
    assert.equal(unavailable.code, "invalid_response");
    assert.equal(unavailable.retryable, true);
    const missing = await errorOfResponse(new Response("<html>", { status: 404 }));
    assert.equal(missing.retryable, false);
    assert.equal(missing.message, "The server answered with status 404.");
  });
});
