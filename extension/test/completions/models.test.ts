import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Model } from "../../src/api/generated/index.ts";
import { chooseModel } from "../../src/completions/models.ts";
import { chatRequest, fillInRequest } from "../../src/completions/prompts.ts";

function model(id: string, weight: number, price = "0", type: Model["type"] = "chat"): Model {
  const weights = { prompt: weight, completion: weight, cache_read: weight, cache_write: weight };
  const pricing = { prompt: price, completion: price };
  return { id, object: "model", created: 0, owned_by: "x", type, pricing, weights, providers: [] };
}

const asked = (id: string) => ({
  model: id,
  window: { prefix: "const a = ", suffix: ";\n" },
  language: "typescript",
  file: "a.ts",
  reasons: false,
});

describe("the model for completions", () => {
  const plan = [
    model("openai/gpt-5", 2),
    model("openai/gpt-5-mini", 1, "0.2"),
    model("openai/gpt-5-nano", 1, "0.1"),
    model("openai/embedding", 0, "0", "embedding"),
  ];

  it("is the one that the user has chosen, if the plan has it", () => {
    assert.equal(chooseModel(plan, "openai/gpt-5")?.id, "openai/gpt-5");
    assert.equal(chooseModel(plan, "openai/gpt-6"), undefined);
  });

  it("is the cheapest chat model", () => {
    assert.equal(chooseModel(plan, "")?.id, "openai/gpt-5-nano");
  });

  it("is one that was trained to fill in code, if the plan has any", () => {
    const more = [...plan, model("qwen/qwen3-coder", 3), model("mistralai/codestral-2508", 2)];
    assert.equal(chooseModel(more, "")?.id, "mistralai/codestral-2508");
  });

  it("is none in a plan without chat models", () => {
    assert.equal(chooseModel([], ""), undefined);
  });
});

describe("a request for a completion", () => {
  it("has the text behind the cursor in the way that the model was trained for", () => {
    assert.equal(
      fillInRequest(asked("qwen/qwen3-coder"))?.body["prompt"],
      "<|fim_prefix|>const a = <|fim_suffix|>;\n<|fim_middle|>",
    );
    const codestral = fillInRequest(asked("mistralai/codestral-2508"));
    assert.equal(codestral?.path, "/api/llm/completions");
    assert.deepEqual([codestral?.body["prompt"], codestral?.body["suffix"]], ["const a = ", ";\n"]);
    assert.deepEqual(codestral?.body["stop"], ["\n"]);
  });

  it("goes to the chat of other models, with the cursor in the text", () => {
    assert.equal(fillInRequest(asked("openai/gpt-5-mini")), undefined);
    const { path, body } = chatRequest(asked("openai/gpt-5-mini"));
    assert.equal(path, "/api/llm/chat/completions");
    const messages = body["messages"] as { content: string }[];
    assert.match(messages[1]?.content ?? "", /File: a\.ts\nLanguage: typescript\n\nconst a = <CURSOR>;\n$/);
    assert.equal("reasoning" in body, false);
  });

  it("asks a model that reasons to reason little", () => {
    const { body } = chatRequest({ ...asked("openai/gpt-5-mini"), reasons: true });
    assert.deepEqual(body["reasoning"], { effort: "minimal" });
  });
});
