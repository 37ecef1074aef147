import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import type { ServerResponse } from "node:http";
import { afterEach, describe, it, mock } from "node:test";
import type { Model } from "../../src/api/generated/index.ts";
import { CompletionSource } from "../../src/completions/source.ts";
import { type ChatServer, refusing, startServer, streaming } from "../chat/server.ts";
import { deltaOf, done, eventOf } from "../chat/stream.ts";

const model: Model = {
  id: "qwen/qwen3-coder",
  object: "model",
  created: 0,
  owned_by: "qwen",
  pricing: {},
  weights: { prompt: 1, completion: 1, cache_read: 1, cache_write: 1 },
  providers: [],
};
const settings = { model: "", delay: 0 };
const written = (...pieces: string[]) =>
  streaming([...pieces.map((text) => eventOf({ choices: [{ text }] })), done]);

let server: ChatServer;

async function sourceFor(...answers: ((response: ServerResponse) => void)[]): Promise<CompletionSource> {
  server = await startServer(...answers);
  return new CompletionSource({ ...server.client, models: async () => [model] });
}

function place(prefix: string, suffix = "\n") {
  return { window: { prefix, suffix }, language: "typescript", file: "a.ts" };
}

const never = () => new AbortController().signal;

afterEach(() => server.close());

describe("a completion", () => {
  it("is what the model wrote, ended with the line", async () => {
    const source = await sourceFor(written("1 +", " 2;\n", "next"));
    assert.equal(await source.get(place("const a = "), settings, never()), "1 + 2;");
    assert.equal(server.received[0]?.headers["x-task-id"], "inline-completions");
  });

  it("is not requested again while the user types along it", async () => {
    const source = await sourceFor(written("1 + 2;"));
    await source.get(place("const a = "), settings, never());
    assert.equal(await source.get(place("const a = 1 "), settings, never()), "+ 2;");
    assert.equal(server.received.length, 1);
  });

  it("is requested again when the settings or the user have changed", async () => {
    const source = await sourceFor(written("1;"));
    await source.get(place("const a = "), settings, never());
    source.reset();
    await source.get(place("const a = "), settings, never());
    assert.equal(server.received.length, 2);
  });

  it("comes from a chat where the provider has no such endpoint, from then on", async () => {
    const source = await sourceFor(
      refusing(404, { code: "not_found", message: "There is no such endpoint." }),
      streaming([deltaOf({ content: "1;" }, "stop"), done]),
    );
    assert.equal(await source.get(place("const a = "), settings, never()), "1;");
    assert.equal(await source.get(place("const b = "), settings, never()), "1;");
    assert.deepEqual(
      server.received.map(({ body }) => "messages" in body),
      [false, true, true],
    );
  });

  it("is refused with the server's error", async () => {
    const source = await sourceFor(refusing(402, { code: "insufficient_tokens", message: "No tokens." }));
    await assert.rejects(source.get(place("a = "), settings, never()), { code: "insufficient_tokens" });
  });

  it("fails with the error that ended its stream, and is not kept", async () => {
    const failed = streaming([eventOf({ error: { code: "upstream_error", message: "It failed." } })]);
    const source = await sourceFor(failed, written("1;"));
    await assert.rejects(source.get(place("a = "), settings, never()), { code: "upstream_error" });
    assert.equal(await source.get(place("a = "), settings, never()), "1;");
  });
});

describe("typing", () => {
  it("sends one request, when the user has stopped", async () => {
    const source = await sourceFor(written("1;"));
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const slow = { model: "", delay: 250 };
      const first = new AbortController();
      const gone = source.get(place("a"), slow, first.signal);
      mock.timers.tick(249);
      first.abort();
      await assert.rejects(gone, { name: "AbortError" });
      const kept = source.get(place("a = "), slow, never());
      mock.timers.tick(250);
      mock.timers.reset();
      assert.equal(await kept, "1;");
    } finally {
      mock.timers.reset();
    }
    assert.equal(server.received.length, 1);
  });

  it("stops the request of the text before", async () => {
    const started = new EventEmitter();
    const begun = once(started, "begun");
    const closed = once(started, "closed");
    const source = await sourceFor((response) => {
      response.on("close", () => started.emit("closed"));
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write(eventOf({ choices: [{ text: "1" }] }));
      started.emit("begun");
    });
    const abort = new AbortController();
    const gone = source.get(place("a = "), settings, abort.signal);
    await begun;
    abort.abort();
    await assert.rejects(gone, { name: "AbortError" });
    await closed;
  });
});
