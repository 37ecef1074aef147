import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import type { SessionInfo } from "../../src/api/client.ts";
import type { Model } from "../../src/api/generated/index.ts";
import { ModelList } from "../../src/chat/modelList.ts";
import { EventEmitter } from "../vscode/stub.ts";

const model: Model = {
  id: "openai/gpt-5",
  object: "model",
  created: 0,
  owned_by: "openai",
  pricing: {},
  weights: { prompt: 1, completion: 1, cache_read: 1, cache_write: 1 },
  providers: [],
};
const minutes = 60_000;

let session: SessionInfo | undefined;
let reads: number;
let isDown: boolean;
let changes: number;
let sessions: EventEmitter<SessionInfo | undefined>;
let list: ModelList;

function signIn(id: string): void {
  session = { id, account: { id: "7", label: "ada@example.com" } };
  sessions.fire(session);
}

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  session = undefined;
  reads = 0;
  isDown = false;
  changes = 0;
  sessions = new EventEmitter();
  list = new ModelList({
    onDidChangeSession: sessions.event,
    getSession: async () => session,
    models: async () => {
      reads += 1;
      if (isDown) {
        throw new Error("The server is down.");
      }
      return [model];
    },
  });
  list.onDidChange(() => {
    changes += 1;
  });
});

afterEach(() => {
  list.dispose();
  mock.timers.reset();
});

describe("the list of models", () => {
  it("is empty without a sign-in, and the server is not asked", async () => {
    assert.deepEqual(await list.get(), []);
    assert.equal(reads, 0);
  });

  it("is asked for once in five minutes, also by several at a time", async () => {
    signIn("session-1");
    const [first] = await Promise.all([list.get(), list.get()]);
    assert.equal(first[0]?.id, "openai/gpt-5");
    mock.timers.tick(5 * minutes - 1);
    await list.get();
    assert.equal(reads, 1);
    mock.timers.tick(1);
    await list.get();
    assert.equal(reads, 2);
  });

  it("changes with the session, and the editor is told", async () => {
    signIn("session-1");
    await list.get();
    signIn("session-2");
    await list.get();
    assert.equal(reads, 2);
    assert.equal(changes, 2);
  });

  it("is the last one while the server is down, and the editor asks again in half a minute", async () => {
    signIn("session-1");
    await list.get();
    mock.timers.tick(5 * minutes);
    isDown = true;
    assert.equal((await list.get()).length, 1);
    mock.timers.tick(29_999);
    assert.equal(changes, 1);
    mock.timers.tick(1);
    assert.equal(changes, 2);
  });

  it("is an error while the server is down if none is known", async () => {
    signIn("session-1");
    isDown = true;
    await assert.rejects(list.get(), /is down/);
  });
});
