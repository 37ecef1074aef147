import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as vscode from "vscode";
import { buildRequest, callIds, conversationName } from "../../src/chat/request.ts";

const model = { id: "openai/gpt-5", capabilities: { toolCalling: true } };
const user = (text: string) => ({
  role: 1,
  name: undefined,
  content: [new vscode.LanguageModelTextPart(text)],
});
const system = (text: string) => ({ ...user(text), role: 3 });
const tool = { name: "read", description: "Reads a file.", inputSchema: { type: "object" } };

describe("the request of a chat completion", () => {
  it("is a stream with its usage", () => {
    assert.deepEqual(buildRequest(vscode, model, [user("Hi")], { toolMode: 1 }), {
      model: "openai/gpt-5",
      messages: [{ role: "user", content: "Hi" }],
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it("offers the tools, and requires one if the editor does", () => {
    const [auto, required] = [1, 2].map((toolMode) =>
      buildRequest(vscode, model, [user("Hi")], {
        toolMode,
        tools: [tool, { name: "list", description: "" }],
      }),
    );
    assert.deepEqual(auto?.tools, [
      {
        type: "function",
        function: { name: "read", description: "Reads a file.", parameters: { type: "object" } },
      },
      {
        type: "function",
        function: { name: "list", description: "", parameters: { type: "object", properties: {} } },
      },
    ]);
    assert.equal(auto?.tool_choice, "auto");
    assert.equal(required?.tool_choice, "required");
  });

  it("has the model's options, without the editor's notes to itself", () => {
    const modelOptions = { temperature: 0, model: "another", _otelTraceContext: {} };
    const request = buildRequest(vscode, model, [user("Hi")], { toolMode: 1, modelOptions });
    assert.equal(request["temperature"], 0);
    assert.equal(request.model, "openai/gpt-5");
    assert.equal("_otelTraceContext" in request, false);
  });

  it("marks the instructions and the last message for the cache of Anthropic's models", () => {
    const anthropic = { ...model, id: "anthropic/claude-sonnet-4.5" };
    const messages = [system("Rules"), user("One"), user("Two")];
    const mark = { cache_control: { type: "ephemeral" } };
    assert.deepEqual(buildRequest(vscode, anthropic, messages, { toolMode: 1 }).messages, [
      { role: "system", content: [{ type: "text", text: "Rules", ...mark }] },
      { role: "user", content: "One" },
      { role: "user", content: [{ type: "text", text: "Two", ...mark }] },
    ]);
  });

  it("keeps the editor's own marks for the cache as they are", () => {
    const anthropic = { ...model, id: "anthropic/claude-sonnet-4.5" };
    const mark = new vscode.LanguageModelDataPart(new TextEncoder().encode("ephemeral"), "cache_control");
    const marked = { ...user("One"), content: [new vscode.LanguageModelTextPart("One"), mark] };
    const { messages } = buildRequest(vscode, anthropic, [system("Rules"), marked, user("Two")], {
      toolMode: 1,
    });
    assert.deepEqual(
      messages.map((message) => Array.isArray(message.content)),
      [false, true, false],
    );
  });
});

describe("a conversation", () => {
  const first = [{ role: "user", content: "Private question" } as const];

  it("has the same name in each turn, and another in another window", () => {
    const later = [...first, { role: "assistant", content: "Answer" } as const];
    assert.equal(conversationName(first, "window"), conversationName(later, "window"));
    assert.notEqual(conversationName(first, "window"), conversationName(first, "other"));
    assert.match(conversationName(first, "window"), /^[0-9a-f]{32}$/);
  });

  it("knows the ids of its calls of tools", () => {
    const call = { id: "a", type: "function", function: { name: "read", arguments: "{}" } } as const;
    assert.deepEqual(callIds([...first, { role: "assistant", content: null, tool_calls: [call] }]), ["a"]);
  });
});
