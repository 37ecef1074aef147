import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as vscode from "vscode";
import { readAnswer } from "../../src/chat/answer.ts";
import { toEditorPart } from "../../src/chat/editorParts.ts";
import { toChatMessages } from "../../src/chat/messages.ts";
import type { PartClasses } from "../../src/chat/parts.ts";
import type { AssistantMessage, Message, Reasoning, ToolCall } from "../../src/chat/wire.ts";
import { collect, cut, deltaOf, done, responseOf } from "./stream.ts";

const assistant = 2;
const classes: PartClasses = vscode;
const options = { acceptsImages: true, readsCacheMarks: false };

interface Answer {
  text: string;
  reasoning: string;
  field: "reasoning" | "reasoning_content";
  signature: string;
  calls: { name: string; input: Record<string, unknown> }[];
}

const input = fc.dictionary(
  fc.string().filter((key) => key !== "__proto__"),
  fc.jsonValue({ maxDepth: 2 }),
);
const answers: fc.Arbitrary<Answer> = fc.record({
  text: fc.string({ unit: "grapheme" }),
  reasoning: fc.string({ unit: "grapheme" }),
  field: fc.constantFrom("reasoning", "reasoning_content"),
  signature: fc.string(),
  calls: fc.array(fc.record({ name: fc.string({ minLength: 1 }), input }), { maxLength: 3 }),
});

/** The events in which a provider sends an answer, character by character. */
function streamOf({ text, reasoning, field, signature, calls }: Answer): string {
  const detail = { type: "reasoning.text", index: 0 };
  return [
    ...[...reasoning].map((piece) =>
      deltaOf({ [field]: piece, reasoning_details: [{ ...detail, text: piece }] }),
    ),
    ...(reasoning ? [deltaOf({ reasoning_details: [{ ...detail, signature }] })] : []),
    ...[...text].map((content) => deltaOf({ content })),
    ...calls.flatMap(({ name, input }, index) => [
      deltaOf({ tool_calls: [{ index, id: `call_${index}`, function: { name, arguments: "" } }] }),
      ...[...JSON.stringify(input)].map((piece) =>
        deltaOf({ tool_calls: [{ index, function: { arguments: piece } }] }),
      ),
    ]),
    deltaOf({}, "stop"),
    done,
  ].join("");
}

function expected({ text, reasoning, field, signature, calls }: Answer): Message[] {
  if (!text && calls.length === 0) {
    return [];
  }
  const kept: Reasoning = {
    [field]: reasoning,
    reasoning_details: [{ type: "reasoning.text", index: 0, text: reasoning, signature }],
  };
  const message: AssistantMessage = {
    role: "assistant",
    content: text || null,
    ...(reasoning ? kept : {}),
  };
  if (calls.length > 0) {
    message.tool_calls = calls.map(
      ({ name, input }, index): ToolCall => ({
        id: `call_${index}`,
        type: "function",
        function: { name, arguments: JSON.stringify(input) },
      }),
    );
  }
  return [message];
}

async function inNextTurn(stream: string, cuts: readonly number[], model: string): Promise<Message[]> {
  const pieces = cut(new TextEncoder().encode(stream), cuts);
  const answer = await collect(readAnswer(responseOf(pieces), { model: "m", usedCallIds: [] }));
  const content = answer.map((part) => toEditorPart(classes, part)).filter((part) => part !== undefined);
  return toChatMessages(classes, [{ role: assistant, content }], { model, ...options });
}

describe("an answer in the conversation of the next turn", () => {
  it("is what the model sent: text, reasoning, signature and calls of tools", async () => {
    await fc.assert(
      fc.asyncProperty(answers, fc.array(fc.nat(), { maxLength: 8 }), async (answer, cuts) => {
        const messages = await inNextTurn(streamOf(answer), cuts, "m");
        assert.deepEqual(
          messages.filter((message) => message.role === "assistant"),
          expected(answer),
        );
      }),
    );
  });

  it("is without the reasoning for another model, which cannot read its signature", async () => {
    const answer: Answer = { text: "Hi", reasoning: "Hm", field: "reasoning", signature: "s", calls: [] };
    assert.deepEqual(await inNextTurn(streamOf(answer), [], "another"), [
      { role: "assistant", content: "Hi" },
    ]);
  });

  it("is without the reasoning where the editor has no part for it", () => {
    const { LanguageModelThinkingPart: _, ...without } = classes;
    assert.equal(toEditorPart(without, { kind: "thinking", text: "Hm" }), undefined);
  });
});
