import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as vscode from "vscode";
import { toChatMessages } from "../../src/chat/messages.ts";
import type { Message } from "../../src/chat/wire.ts";

const user = 1;
const assistant = 2;
const system = 3;

const text = (value: string) => new vscode.LanguageModelTextPart(value);
const data = (value: string, mimeType: string) =>
  new vscode.LanguageModelDataPart(new TextEncoder().encode(value), mimeType);
const call = (id: string, name = "read", input: object = {}) =>
  new vscode.LanguageModelToolCallPart(id, name, input);
const result = (id: string, ...content: unknown[]) => new vscode.LanguageModelToolResultPart(id, content);

function convert(
  messages: [role: number, ...parts: unknown[]][],
  options: { acceptsImages?: boolean; readsCacheMarks?: boolean } = {},
): Message[] {
  return toChatMessages(
    vscode,
    messages.map(([role, ...content]) => ({ role, content })),
    { model: "m", acceptsImages: true, readsCacheMarks: false, ...options },
  );
}

describe("messages of the editor", () => {
  it("keep their roles, and join their texts", () => {
    const converted = convert([
      [system, text("Be brief.")],
      [user, text("Say "), text("hello.")],
      [assistant, text("Hello.")],
    ]);
    assert.deepEqual(converted, [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Say hello." },
      { role: "assistant", content: "Hello." },
    ]);
  });

  it("without content are left out", () => {
    assert.deepEqual(convert([[user], [assistant, text("")], [user, data("{}", "usage")]]), []);
  });

  it("have images as data URLs, between their texts", () => {
    const [message] = convert([[user, text("This "), data("\x01\x02", "image/png"), text(" is?")]]);
    assert.deepEqual(message?.content, [
      { type: "text", text: "This " },
      { type: "image_url", image_url: { url: "data:image/png;base64,AQI=" } },
      { type: "text", text: " is?" },
    ]);
  });

  it("say that an image was left out, to a model that accepts none", () => {
    const [message] = convert([[user, text("Look: "), data("x", "image/png")]], { acceptsImages: false });
    assert.match(String(message?.content), /^Look: \(An image was left out/);
  });

  it("have the text of text and JSON data, and say that other data was left out", () => {
    const [message] = convert([
      [user, data("a,b", "text/csv"), data('{"c":1}', "application/json"), data("%PDF", "application/pdf")],
    ]);
    assert.match(String(message?.content), /^a,b\{"c":1\}\(A file of the type application\/pdf was left out/);
  });

  it("have the text of a rendered prompt", () => {
    const tree = {
      node: {
        type: 1,
        children: [
          { type: 2, text: "first", lineBreakBefore: true },
          {
            type: 1,
            children: [
              { type: 2, text: "second", lineBreakBefore: true },
              { type: 2, text: "!" },
            ],
          },
        ],
      },
    };
    const part = new vscode.LanguageModelPromptTsxPart(tree);
    const converted = convert([
      [assistant, call("a")],
      [user, result("a", part)],
    ]);
    assert.equal(converted[1]?.content, "first\nsecond!");
  });
});

describe("results of tools", () => {
  it("follow their calls, in the order of parallel calls, before the text beside them", () => {
    const converted = convert([
      [assistant, text("Both."), call("a", "read", { path: "x" }), call("b")],
      [user, text("Go on."), result("b", text("two")), result("a", text("o"), text("ne"))],
    ]);
    assert.deepEqual(converted, [
      {
        role: "assistant",
        content: "Both.",
        tool_calls: [
          { id: "a", type: "function", function: { name: "read", arguments: '{"path":"x"}' } },
          { id: "b", type: "function", function: { name: "read", arguments: "{}" } },
        ],
      },
      { role: "tool", tool_call_id: "a", content: "one" },
      { role: "tool", tool_call_id: "b", content: "two" },
      { role: "user", content: "Go on." },
    ]);
  });

  it("may come in several messages, with another between them", () => {
    const converted = convert([
      [assistant, call("a"), call("b")],
      [user, result("a", text("one"))],
      [user, text("Wait.")],
      [user, result("b", text("two"))],
    ]);
    assert.deepEqual(
      converted.map((message) => message.role),
      ["assistant", "tool", "tool", "user"],
    );
  });

  it("say that there was no output if they are empty", () => {
    const converted = convert([
      [assistant, call("a")],
      [user, result("a")],
    ]);
    assert.equal(converted[1]?.content, "(The tool returned no output.)");
  });

  it("have their images in a message of the user behind the last result", () => {
    const converted = convert([
      [assistant, call("a"), call("b")],
      [user, result("a", text("See "), data("\x01", "image/png"))],
      [user, result("b", text("two"))],
    ]);
    assert.deepEqual(converted.slice(1), [
      { role: "tool", tool_call_id: "a", content: "See (An image: see the next message.)" },
      { role: "tool", tool_call_id: "b", content: "two" },
      {
        role: "user",
        content: [
          { type: "text", text: "Images that the tools returned:" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AQ==" } },
        ],
      },
    ]);
  });

  it("are added for calls that have none", () => {
    const converted = convert([
      [assistant, call("a")],
      [user, text("Never mind.")],
    ]);
    assert.deepEqual(converted.slice(1), [
      { role: "tool", tool_call_id: "a", content: "(The tool was not run.)" },
      { role: "user", content: "Never mind." },
    ]);
  });

  it("become text of the user if their call is no longer in the conversation", () => {
    assert.deepEqual(convert([[user, result("gone", text("42"))]]), [
      { role: "user", content: "Result of a tool:\n42" },
    ]);
  });

  it("belong to the turn they follow when an id is used in several turns", () => {
    const converted = convert([
      [assistant, call("same")],
      [user, result("same", text("first"))],
      [assistant, call("same")],
      [user, result("same", text("second"))],
    ]);
    assert.deepEqual(
      converted.filter((message) => message.role === "tool").map((message) => message.content),
      ["first", "second"],
    );
  });
});

describe("marks for the cache", () => {
  const marked: [number, ...unknown[]][] = [[system, text("Long."), data("ephemeral", "cache_control")]];

  it("are passed on to models that read them", () => {
    assert.deepEqual(convert(marked, { readsCacheMarks: true })[0]?.content, [
      { type: "text", text: "Long.", cache_control: { type: "ephemeral" } },
    ]);
  });

  it("are left out for other models", () => {
    assert.equal(convert(marked)[0]?.content, "Long.");
  });
});
