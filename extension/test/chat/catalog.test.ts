import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Model } from "../../src/api/generated/index.ts";
import { toChatModels } from "../../src/chat/catalog.ts";

const model: Model = {
  id: "openai/gpt-5-mini",
  object: "model",
  created: 0,
  owned_by: "openai",
  name: "OpenAI: GPT-5 Mini",
  type: "chat",
  context_length: 400_000,
  max_completion_tokens: 4096,
  architecture: { input_modalities: ["text", "image"] },
  supported_parameters: ["tools"],
  pricing: {},
  weights: { prompt: 1, completion: 1, cache_read: 1, cache_write: 1 },
  providers: ["demo"],
};

const only = (fields: Partial<Model>) => {
  const [first] = toChatModels([{ ...model, ...fields }]);
  assert.ok(first);
  return first;
};

describe("a model of the plan", () => {
  it("has its name, its family, its features, and the longest output of the plan", () => {
    const listed = only({});
    assert.equal(listed.id, "openai/gpt-5-mini");
    assert.equal(listed.name, "OpenAI: GPT-5 Mini");
    assert.equal(listed.family, "gpt-5-mini");
    assert.equal(listed.maxOutputTokens, 4096);
    assert.equal(listed.maxInputTokens, 400_000 - 4096);
    assert.deepEqual(listed.capabilities, { toolCalling: true, imageInput: true });
    assert.equal(listed.isUserSelectable, true);
  });

  it("keeps three quarters of its context for the prompt", () => {
    const listed = only({ context_length: 8000, max_completion_tokens: 8000 });
    assert.deepEqual([listed.maxInputTokens, listed.maxOutputTokens], [6000, 2000]);
  });

  it("has no features that its provider does not list", () => {
    const listed = only({
      supported_parameters: ["max_tokens"],
      architecture: { input_modalities: ["text"] },
    });
    assert.deepEqual(listed.capabilities, { toolCalling: false, imageInput: false });
  });

  it("is offered with tools if its provider lists no features at all", () => {
    const { supported_parameters: _, ...without } = model;
    assert.equal(toChatModels([without])[0]?.capabilities.toolCalling, true);
  });

  it("tells what its tokens count, if that is not one", () => {
    const weights = { ...model.weights, prompt: 2, completion: 2.5 };
    assert.equal(only({ weights }).detail, "2× / 2.5×");
    assert.match(only({ weights }).tooltip ?? "", /counts as 2, .* as 2\.5 /);
    assert.equal(only({}).detail, undefined);
  });

  it("is a chat model: embeddings are not listed", () => {
    assert.deepEqual(toChatModels([{ ...model, type: "embedding" }]), []);
  });
});
