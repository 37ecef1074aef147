import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TokengateError } from "../../src/api/errors.ts";
import { type AnswerPart, readAnswer } from "../../src/chat/answer.ts";
import { collect, deltaOf, done, eventOf, responseOf } from "./stream.ts";

const context = { model: "m", usedCallIds: [] };
const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };

function read(...pieces: string[]): Promise<AnswerPart[]> {
  return collect(readAnswer(responseOf(pieces), context));
}

function callOf(name: string, args: string): object {
  return { tool_calls: [{ index: 0, id: "a", function: { name, arguments: args } }] };
}

describe("an answer", () => {
  it("has its text, its end and its usage in the order of the stream", async () => {
    const parts = await read(
      deltaOf({ role: "assistant", content: "" }),
      deltaOf({ content: "Hel" }),
      deltaOf({ content: "lo" }),
      deltaOf({}, "stop"),
      eventOf({ choices: [], usage }),
      done,
    );
    assert.deepEqual(parts, [
      { kind: "text", text: "Hel" },
      { kind: "text", text: "lo" },
      { kind: "finish", reason: "stop" },
      { kind: "usage", usage },
    ]);
  });

  it("has a call of a tool when it is complete", async () => {
    const parts = await read(deltaOf(callOf("read", '{"path":"a"}')), deltaOf({}, "tool_calls"), done);
    assert.deepEqual(parts[0], { kind: "toolCall", id: "a", name: "read", input: { path: "a" } });
  });

  it("has a refusal as text", async () => {
    assert.deepEqual((await read(deltaOf({ refusal: "No." }, "stop"), done))[0], {
      kind: "text",
      text: "No.",
    });
  });

  it("is whole without [DONE] if it has a finish reason", async () => {
    assert.equal((await read(deltaOf({ content: "a" }, "stop"))).length, 2);
  });

  it("is whole with [DONE] if it has no finish reason", async () => {
    const parts = await read(deltaOf(callOf("read", "{}")), done);
    assert.deepEqual(parts.at(-1), { kind: "finish", reason: "stop" });
    assert.equal(parts[0]?.kind, "toolCall");
  });

  it("ends its reasoning with what the provider needs in the next turn", async () => {
    const parts = await read(
      deltaOf({ reasoning_content: "Think" }),
      deltaOf({ reasoning_content: "ing." }),
      deltaOf({ content: "Done." }, "stop"),
      done,
    );
    assert.deepEqual(parts.slice(0, 4), [
      { kind: "thinking", text: "Think" },
      { kind: "thinking", text: "ing." },
      {
        kind: "thinking",
        text: "",
        metadata: {
          tokengate: { model: "m", fields: { reasoning_content: "Thinking." } },
          vscode_reasoning_done: true,
        },
      },
      { kind: "text", text: "Done." },
    ]);
  });
});

describe("an answer that fails", () => {
  it("is an error with the server's code, message and charge", async () => {
    const error = {
      code: "upstream_error",
      message: "The model's provider failed. 10 tokens were charged.",
      request_id: "req-2",
      retryable: true,
      charged: 10,
    };
    const isServers = (thrown: TokengateError) =>
      thrown.code === "upstream_error" && thrown.charged === 10 && thrown.requestId === "req-2";
    await assert.rejects(read(deltaOf({ content: "a" }), eventOf({ error })), isServers);
  });

  it("by the end of the connection can be repeated", async () => {
    const isBroken = (thrown: TokengateError) =>
      thrown.code === "network" && thrown.retryable && thrown.requestId === "req-1";
    await assert.rejects(read(deltaOf({ content: "a" })), isBroken);
    await assert.rejects(read(), isBroken);
  });

  it("by a broken connection has the cause", async () => {
    const body = new ReadableStream({ start: (controller) => controller.error(new TypeError("terminated")) });
    const isBroken = (thrown: TokengateError) =>
      thrown.code === "network" && (thrown.cause as Error).message === "terminated";
    await assert.rejects(collect(readAnswer(new Response(body), context)), isBroken);
  });

  it("by an aborted request is that abort", async () => {
    const abort = new DOMException("aborted", "AbortError");
    const body = new ReadableStream({ start: (controller) => controller.error(abort) });
    await assert.rejects(collect(readAnswer(new Response(body), context)), abort);
  });

  it("by the content filter says so", async () => {
    await assert.rejects(read(deltaOf({}, "content_filter"), done), { code: "content_filter" });
  });

  it("by its length inside a call of a tool says so", async () => {
    const pieces = [deltaOf(callOf("write", '{"text":"ab')), deltaOf({}, "length"), done];
    await assert.rejects(read(...pieces), /longest length inside a call of the tool write/);
  });

  it("by arguments that are not JSON says so", async () => {
    const pieces = [deltaOf(callOf("write", "{text}")), deltaOf({}, "tool_calls"), done];
    await assert.rejects(read(...pieces), { code: "invalid_tool_call" });
  });
});
