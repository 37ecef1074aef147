/** When the account is read, and what is known after it. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { Account, type AccountState } from "../../src/account/state.ts";
import type { FinishedRequest, SessionInfo, TokengateClient } from "../../src/api/client.ts";
import { TokengateError } from "../../src/api/errors.ts";
import { EventEmitter } from "../vscode/stub.ts";
import { me, sum } from "./data.ts";

const session: SessionInfo = { id: "session-1", account: { id: "7", label: "ada@example.com" } };

/** The client's part that the account uses. Its answers are the test's. */
class FakeClient {
  readonly sessions = new EventEmitter<SessionInfo | undefined>();
  readonly requests = new EventEmitter<FinishedRequest>();
  readonly onDidChangeSession = this.sessions.event;
  readonly onDidFinishRequest = this.requests.event;
  readonly windowSession = "window-1";
  available = 100;
  reserved = 0;
  reads = 0;
  failure: TokengateError | undefined;

  async me() {
    this.reads += 1;
    if (this.failure !== undefined) {
      throw this.failure;
    }
    return me({ available: this.available, reserved: this.reserved });
  }

  async usageBy(group: string, query: { session?: string }) {
    const here = group === "session" && query.session === this.windowSession;
    return { results: here ? [sum("window-1", 3)] : [sum("2026-11-30", 5), sum("2026-11-29", 2)] };
  }
}

let client: FakeClient;
let account: Account;
let states: AccountState[];

function known(): Extract<AccountState, { kind: "known" }> {
  const { state } = account;
  return state.kind === "known" ? state : assert.fail(`The account is ${state.kind}.`);
}

/** All that is ready to run has run; timers have not. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await Promise.resolve();
  }
}

async function after(milliseconds: number): Promise<void> {
  mock.timers.tick(milliseconds);
  await settled();
}

beforeEach(async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.parse("2026-11-30T12:00:00Z") });
  client = new FakeClient();
  account = new Account(client as unknown as TokengateClient);
  states = [];
  account.onDidChange((state) => states.push(state));
});

afterEach(() => {
  account.dispose();
  mock.timers.reset();
});

const unavailable = new TokengateError("Not available.", { code: "network", status: 0, retryable: true });

describe("the account", () => {
  it("is read again every ten seconds while tokens are reserved", async () => {
    client.reserved = 30;
    client.sessions.fire(session);
    await settled();
    await after(10_000);
    assert.equal(client.reads, 2);
    client.reserved = 0;
    await after(10_000);
    await after(10_000);
    assert.equal(client.reads, 3);
  });

  it("is read when the user has signed in", async () => {
    assert.deepEqual(account.state, { kind: "signedOut" });
    client.sessions.fire(session);
    await settled();
    assert.deepEqual(
      states.map(({ kind }) => kind),
      ["loading", "known"],
    );
    assert.equal(known().snapshot.me.balance.available, 100);
    assert.equal(known().snapshot.spentToday, 7);
    assert.equal(known().snapshot.spentHere, 3);
  });

  it("is read again once for requests that end together", async () => {
    client.sessions.fire(session);
    await settled();
    client.available = 60;
    for (const requestId of ["a", "b", "c"]) {
      client.requests.fire({ requestId, path: "/api/llm/chat/completions", complete: true });
    }
    await after(250);
    assert.equal(client.reads, 2);
    assert.equal(known().snapshot.me.balance.available, 60);
  });

  it("waits for the charge of a request that was broken off", async () => {
    client.sessions.fire(session);
    await settled();
    client.requests.fire({ requestId: "a", path: "/api/llm/chat/completions", complete: false });
    await after(2_999);
    assert.equal(client.reads, 1);
    await after(1);
    assert.equal(client.reads, 2);
  });

  it("is read every five minutes, and when the user returns after more than one", async () => {
    client.sessions.fire(session);
    await settled();
    await after(300_000);
    assert.equal(client.reads, 2);
    account.refreshIfOlder();
    await after(0);
    assert.equal(client.reads, 2);
    mock.timers.tick(60_001);
    account.refreshIfOlder();
    await after(0);
    assert.equal(client.reads, 3);
  });

  it("is not read while nobody is signed in", async () => {
    client.requests.fire({ requestId: "a", path: "/api/llm/chat/completions", complete: true });
    account.refreshIfOlder();
    await after(600_000);
    assert.equal(client.reads, 0);
  });

  it("keeps what was known while the server is down, asks less and less often, and recovers", async () => {
    client.sessions.fire(session);
    await settled();
    client.failure = unavailable;
    await account.refresh();
    assert.equal(known().error, unavailable);
    assert.equal(known().snapshot.me.balance.available, 100);
    const readsAfter = [5_000, 10_000, 20_000, 40_000, 60_000, 60_000];
    for (const [index, pause] of readsAfter.entries()) {
      await after(pause - 1);
      assert.equal(client.reads, index + 2);
      await after(1);
      assert.equal(client.reads, index + 3);
    }
    client.failure = undefined;
    await after(60_000);
    assert.equal(known().error, undefined);
  });

  it("is unknown when it could never be read", async () => {
    client.failure = unavailable;
    client.sessions.fire(session);
    await settled();
    assert.deepEqual(account.state, { kind: "unknown", error: unavailable });
  });

  it("is forgotten when the session ends, also while it is read", async () => {
    client.sessions.fire(session);
    client.sessions.fire(undefined);
    await settled();
    assert.deepEqual(account.state, { kind: "signedOut" });
    client.sessions.fire(session);
    await settled();
    client.failure = new TokengateError("Revoked.", { code: "token_revoked", status: 401, retryable: false });
    await account.refresh();
    assert.deepEqual(account.state, { kind: "signedOut" });
  });
});
