import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CompletionSource } from "../../src/completions/source.ts";
import { eventually, lastAtUpstream, newUser, receiptsOf } from "./product.ts";

const never = () => new AbortController().signal;

function place(prefix: string) {
  return { window: { prefix, suffix: "\n" }, language: "typescript", file: "a.ts" };
}

describe("a completion", () => {
  it("by a model that fills in is charged as a completion", async () => {
    const client = await newUser();
    const source = new CompletionSource(client);
    const text = await source.get(place("const a = "), { model: "", delay: 0 }, never());
    assert.notEqual(text, "");
    assert.doesNotMatch(text, /\n/);
    const [receipt] = await receiptsOf(client);
    assert.equal(receipt?.model, "qwen/qwen3-coder");
    assert.equal(receipt?.endpoint, "completions");
    assert.equal(receipt?.task, "inline-completions");
    assert.equal(receipt?.charged, (await client.balance()).used);
  });

  it("by another model is a chat, which is asked to reason little", async () => {
    const client = await newUser();
    const source = new CompletionSource(client);
    const settings = { model: "openai/gpt-5-mini", delay: 0 };
    assert.notEqual(await source.get(place("const a = "), settings, never()), "");
    const { path, keys } = await lastAtUpstream();
    assert.equal(path, "/chat/completions");
    assert.ok(keys.includes("reasoning"));
  });

  it("that the user types past is cancelled, and charged", async () => {
    const client = await newUser();
    const source = new CompletionSource(client);
    const abort = new AbortController();
    const asked = source.get(place("[[n=90,d=50]] const a = "), { model: "", delay: 0 }, abort.signal);
    await eventually(async () => ((await client.balance()).reserved > 0 ? true : undefined));
    abort.abort();
    await assert.rejects(asked, { name: "AbortError" });
    const [receipt] = await eventually(async () => {
      const receipts = await receiptsOf(client);
      return receipts[0]?.settlement === "final" ? receipts : undefined;
    });
    assert.equal(receipt?.status, "cancelled");
    assert.equal(receipt?.charged, (await client.balance()).used);
  });
});
