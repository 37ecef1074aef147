import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { FinishedRequest, SessionInfo } from "../../src/api/client.ts";
import type { TokengateError } from "../../src/api/errors.ts";
import { HttpClient } from "../../src/api/httpClient.ts";
import { Transport } from "../../src/api/transport.ts";
import { Renewal } from "../../src/session/renewal.ts";
import { SessionStore } from "../../src/session/store.ts";
import { OAuth } from "../../src/signIn/oauth.ts";
import { FakeServer, json, refusal } from "../support/server.ts";
import { pair, Secrets, session } from "../support/session.ts";

const server = new FakeServer();
before(() => server.start());
after(() => server.stop());

const headers = { "User-Agent": "Tokengate/0.1.0", "Accept-Language": "de" };

let store: SessionStore;
let client: HttpClient;

beforeEach(async () => {
  const address = (): string => server.url;
  const transport = new Transport({ pause: async () => {} });
  const oauth = new OAuth({ server: address, clientId: "vscode", transport, headers });
  store = new SessionStore(new Secrets(), address);
  const renewal = new Renewal({ store, refresh: (token) => oauth.refresh(token) });
  client = new HttpClient({ server: address, transport, store, renewal, headers });
  await store.set(session());
});

const balance = { allocated: 100, used: 30, reserved: 0, bonus: 0, available: 70 };

describe("a request of the account", () => {
  it("is signed in, and says who asks in which language", async () => {
    server.answer(json(200, balance));
    assert.equal((await client.balance()).available, 70);
    const [asked] = server.asked;
    assert.equal(`${asked?.method} ${asked?.path}`, "GET /api/tokens/balance");
    assert.equal(asked?.headers.authorization, "Bearer access-1");
    assert.equal(asked?.headers["user-agent"], "Tokengate/0.1.0");
    assert.equal(asked?.headers["accept-language"], "de");
  });

  it("is repeated with a new access token when the first is not accepted", async () => {
    server.answer(refusal(401, "invalid_token"), json(200, pair(2)), json(200, balance));
    assert.equal((await client.balance()).available, 70);
    const [, refresh, repeated] = server.asked;
    assert.equal(refresh?.path, "/api/auth/refresh");
    assert.deepEqual(JSON.parse(refresh?.body ?? ""), { refresh: "refresh-1" });
    assert.equal(repeated?.headers.authorization, "Bearer access-2");
  });

  it("is not repeated again when the new one is not accepted, either", async () => {
    server.answer(refusal(401, "invalid_token"), json(200, pair(2)), refusal(401, "invalid_token"));
    await assert.rejects(client.balance(), { code: "invalid_token" });
    assert.equal(server.asked.length, 3);
  });

  it("is filtered by its query", async () => {
    server.answer(json(200, { results: [] }));
    await client.usageBy("model", { from: "2026-11-17", session: "s" });
    const asked = new URL(server.asked[0]?.path ?? "", server.url);
    assert.deepEqual(Object.fromEntries(asked.searchParams), {
      from: "2026-11-17",
      session: "s",
      group_by: "model",
    });
  });

  it("fails with what to check when the answer is a page of something else", async () => {
    server.answer((_, response) => void response.end("<html>"));
    await assert.rejects(client.balance(), { code: "invalid_response", message: /tokengate\.serverUrl/ });
  });

  it("stops waiting for a renewal when it is aborted, and the renewal goes on", async () => {
    await store.set(session({ expiresAt: 0 }));
    const controller = new AbortController();
    const reason = new Error("Closed.");
    server.answer((asked, response) => {
      controller.abort(reason);
      return json(200, pair(2))(asked, response);
    });
    await assert.rejects(client.balance(controller.signal), reason);
    server.answer(json(200, balance));
    await client.balance();
    assert.equal((await store.get())?.access, "access-2");
  });
});

describe("reported usage", () => {
  it("is repeated with the same key, which is the id of its receipt", async () => {
    const consumed = { charged: 5, available: 65, request_id: "key-1" };
    server.answer(refusal(503, "unavailable", { retryable: true }), json(200, consumed));
    const usage = { model: "openai/gpt-5", prompt_tokens: 4, completion_tokens: 1 };
    assert.deepEqual(await client.consume(usage, "key-1"), consumed);
    const ids = server.asked.map(({ headers: sent }) => [sent["idempotency-key"], sent["x-request-id"]]);
    assert.deepEqual(ids, [
      ["key-1", "key-1"],
      ["key-1", "key-1"],
    ]);
  });
});

describe("a request to a model", () => {
  const path = "/api/llm/chat/completions";
  const finished: FinishedRequest[] = [];

  beforeEach(() => {
    finished.length = 0;
    client.onDidFinishRequest((request) => finished.push(request));
  });

  const streamed = (text: string, end = true) =>
    server.answer((_, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream", "X-Request-ID": "req-9" });
      response.write(text);
      if (end) {
        response.end();
      }
    });

  it("streams the body, and tells of its end", async () => {
    streamed("data: [DONE]\n\n");
    const response = await client.stream(path, { model: "m" }, { headers: { "x-task-id": "t" } });
    assert.equal(finished.length, 0);
    assert.equal(await response.text(), "data: [DONE]\n\n");
    assert.deepEqual(finished, [{ requestId: "req-9", path, complete: true }]);
    const [asked] = server.asked;
    assert.equal(asked?.headers["x-session-id"], client.windowSession);
    assert.equal(asked?.headers["x-task-id"], "t");
    assert.deepEqual(JSON.parse(asked?.body ?? ""), { model: "m" });
  });

  it("is cancelled with its body", async () => {
    let closed: () => void;
    const left = new Promise<void>((resolve) => {
      closed = resolve;
    });
    server.answer((_, response) => {
      response.on("close", () => closed());
      response.writeHead(200).write("data: one\n\n");
    });
    const response = await client.stream(path, {});
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await left;
    assert.deepEqual(finished, [{ requestId: undefined, path, complete: false }]);
  });

  it("ends when its signal is aborted while nobody reads", async () => {
    streamed("data: one\n\n", false);
    const controller = new AbortController();
    const response = await client.stream(path, {}, { signal: controller.signal });
    controller.abort();
    assert.deepEqual(finished, [{ requestId: "req-9", path, complete: false }]);
    await assert.rejects(response.text(), { name: "AbortError" });
    assert.equal(finished.length, 1);
  });

  it("is never repeated, and its refusal has the facts", async () => {
    const facts = { retryable: true, resets_at: "2026-12-01T00:00:00Z" };
    server.answer(refusal(429, "rate_limited", facts, { "Retry-After": "1" }));
    await assert.rejects(client.stream(path, {}), { retryAfter: 1, resetsAt: "2026-12-01T00:00:00Z" });
    assert.equal(server.asked.length, 1);
    assert.equal(finished.length, 0);
  });
});

describe("a session", () => {
  const changes: (string | undefined)[] = [];
  const ends: TokengateError[] = [];

  beforeEach(async () => {
    await client.announceSession();
    changes.length = 0;
    ends.length = 0;
    client.onDidChangeSession((changed: SessionInfo | undefined) => changes.push(changed?.id));
    client.onDidEndSession((error) => ends.push(error));
  });

  /** What the store tells reaches the client's listeners after it has read the store. */
  const told = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it("is over in every window when the server has revoked it", async () => {
    server.answer(refusal(401, "token_revoked"));
    await assert.rejects(client.balance(), { code: "token_revoked" });
    await told();
    assert.equal(await client.getSession(), undefined);
    assert.deepEqual(changes, [undefined]);
    assert.equal(ends.length, 1);
  });

  it("is the same with new tokens", async () => {
    await store.set(session({ access: "access-2", refresh: "refresh-2" }));
    await told();
    assert.deepEqual(changes, []);
  });

  it("is announced when another window signs in or out", async () => {
    await store.set(session({ id: "session-2" }));
    await told();
    await store.clear();
    await told();
    assert.deepEqual(changes, ["session-2", undefined]);
    assert.deepEqual(ends, []);
  });

  it("is ended at the server by signing out", async () => {
    server.answer((_, response) => void response.writeHead(204).end());
    await client.signOut();
    assert.equal(server.asked[0]?.path, "/api/auth/logout");
    assert.equal(await client.getSession(), undefined);
  });

  it("is forgotten here by signing out, even if the server cannot be told", async () => {
    server.answer(refusal(503, "unavailable", { retryable: true }));
    await assert.rejects(client.signOut(), { code: "unavailable" });
    assert.equal(await client.getSession(), undefined);
  });
});
