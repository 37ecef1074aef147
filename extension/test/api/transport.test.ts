import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { TokengateError } from "../../src/api/errors.ts";
import { type Exchange, Transport, type TransportOptions } from "../../src/api/transport.ts";
import { FakeServer, json, refusal } from "../support/server.ts";

const server = new FakeServer();
before(() => server.start());
after(() => server.stop());

function exchange(changes: Partial<Exchange> = {}): Exchange {
  const url = `${server.url}/api/auth/me`;
  return { method: "GET", url, headers: new Headers(), repeatable: true, timeout: 5_000, ...changes };
}

/** A transport that does not wait, and notes how long it would have. */
function transport(options: TransportOptions = {}): { transport: Transport; pauses: number[] } {
  const pauses: number[] = [];
  const pause = async (milliseconds: number): Promise<void> => {
    pauses.push(milliseconds);
  };
  return { transport: new Transport({ pause, ...options }), pauses };
}

async function failureOf(promise: Promise<unknown>): Promise<TokengateError> {
  const error = await promise.then(
    () => assert.fail("It did not fail."),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TokengateError, String(error));
  return error;
}

describe("a request", () => {
  it("has an id of its own", async () => {
    server.answer(json(200, {}));
    await transport().transport.send(exchange());
    await transport().transport.send(exchange());
    const [first, second] = server.asked.map(({ headers }) => headers["x-request-id"]);
    assert.match(String(first), /^[0-9a-f-]{36}$/);
    assert.notEqual(first, second);
  });

  it("keeps an id that its caller has chosen", async () => {
    server.answer(json(200, {}));
    await transport().transport.send(exchange({ headers: new Headers({ "X-Request-ID": "mine" }) }));
    assert.equal(server.asked[0]?.headers["x-request-id"], "mine");
  });
});

describe("a failure that can pass", () => {
  const unavailable = refusal(503, "unavailable", { retryable: true });

  it("is repeated when the request has no effect", async () => {
    server.answer(unavailable, unavailable, json(200, { well: true }));
    const { transport: patient, pauses } = transport();
    const response = await patient.send(exchange());
    assert.deepEqual(await response.json(), { well: true });
    assert.equal(pauses.length, 2);
  });

  it("is raised after three attempts", async () => {
    server.answer(unavailable);
    assert.equal((await failureOf(transport().transport.send(exchange()))).code, "unavailable");
    assert.equal(server.asked.length, 3);
  });

  it("is raised at once when the request has an effect", async () => {
    server.answer(unavailable);
    await failureOf(transport().transport.send(exchange({ method: "POST", body: "{}", repeatable: false })));
    assert.equal(server.asked.length, 1);
  });

  it("is repeated after Retry-After", async () => {
    const limited = refusal(429, "rate_limited", { retryable: true }, { "Retry-After": "3" });
    server.answer(limited, json(200, {}));
    const { transport: patient, pauses } = transport();
    await patient.send(exchange());
    assert.deepEqual(pauses, [3_000]);
  });

  it("is raised when Retry-After is longer than anybody would wait", async () => {
    server.answer(refusal(429, "rate_limited", { retryable: true }, { "Retry-After": "40" }));
    assert.equal((await failureOf(transport().transport.send(exchange()))).retryAfter, 40);
    assert.equal(server.asked.length, 1);
  });

  it("is told to whoever listens, also when a repetition cures it", async () => {
    server.answer(unavailable, json(200, {}));
    const told: string[] = [];
    await transport({ onFailure: ({ code }) => told.push(code) }).transport.send(exchange());
    assert.deepEqual(told, ["unavailable"]);
  });
});

describe("a failure that cannot pass", () => {
  it("is not repeated", async () => {
    server.answer(refusal(403, "permission_denied"));
    assert.equal((await failureOf(transport().transport.send(exchange()))).code, "permission_denied");
    assert.equal(server.asked.length, 1);
  });
});

describe("a server that cannot be reached", () => {
  it("is named, with the system's reason and the request id", async () => {
    const gone = new FakeServer();
    await gone.start();
    const { url } = gone;
    await gone.stop();
    const error = await failureOf(transport().transport.send(exchange({ url: `${url}/api/auth/me` })));
    assert.equal(error.code, "network");
    assert.equal(error.message, `${url} cannot be reached (ECONNREFUSED).`);
    assert.match(error.requestId ?? "", /^[0-9a-f-]{36}$/);
    assert.ok(error.cause instanceof Error);
  });

  it("is given up when it does not answer in time", async () => {
    server.answer(() => {});
    const error = await failureOf(transport().transport.send(exchange({ timeout: 20, repeatable: false })));
    assert.equal(error.code, "timeout");
    assert.equal(error.message, `${server.url} did not answer in time.`);
  });
});

describe("an aborted request", () => {
  it("is rejected with the signal's reason while it runs", async () => {
    const controller = new AbortController();
    const reason = new Error("The user has closed the view.");
    server.answer(() => controller.abort(reason));
    await assert.rejects(transport().transport.send(exchange({ signal: controller.signal })), reason);
    assert.equal(server.asked.length, 1);
  });

  it("is rejected with the signal's reason between two attempts", async () => {
    const controller = new AbortController();
    const reason = new Error("The user has closed the view.");
    server.answer(refusal(503, "unavailable", { retryable: true }));
    const onFailure = (): void => controller.abort(reason);
    const waiting = new Transport({ onFailure });
    await assert.rejects(waiting.send(exchange({ signal: controller.signal })), reason);
    assert.equal(server.asked.length, 1);
  });
});
