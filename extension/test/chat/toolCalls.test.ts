import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BadArguments, ToolCallAssembler } from "../../src/chat/toolCalls.ts";
import type { ToolCallDelta } from "../../src/chat/wire.ts";

function assemble(deltas: ToolCallDelta[], usedIds: string[] = []) {
  const assembler = new ToolCallAssembler(usedIds);
  assembler.add(deltas);
  return assembler.finish();
}

function fn(name: string | undefined, args: string): { name?: string; arguments: string } {
  return name === undefined ? { arguments: args } : { name, arguments: args };
}

describe("calls of tools", () => {
  it("are assembled from pieces of any size, also when several grow in turn", () => {
    const call = fc.record({
      name: fc.string({ minLength: 1 }),
      input: fc.dictionary(fc.string(), fc.jsonValue()),
    });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 4 }), fc.integer({ min: 1, max: 7 }), (calls, size) => {
        const texts = calls.map(({ input }) => JSON.stringify(input));
        const begin = calls.map(({ name }, index) => ({
          index,
          id: `call_${index}`,
          function: fn(name, ""),
        }));
        const longest = Math.max(0, ...texts.map((text) => text.length));
        const pieces: ToolCallDelta[] = [];
        for (let at = 0; at < longest; at += size) {
          for (const [index, text] of texts.entries()) {
            pieces.push({ index, function: { arguments: text.slice(at, at + size) } });
          }
        }
        assert.deepEqual(
          assemble([...begin, ...pieces]),
          calls.map(({ name }, index) => ({
            id: `call_${index}`,
            name,
            input: JSON.parse(texts[index] ?? "{}"),
          })),
        );
      }),
    );
  });

  it("are told apart by their ids when a provider sends one index for all", () => {
    const calls = assemble([
      { index: 0, id: "a", function: fn("read", '{"n":1}') },
      { index: 0, id: "b", function: fn("read", '{"n"') },
      { index: 0, id: "b", function: fn(undefined, ":2}") },
    ]);
    assert.deepEqual(
      calls.map(({ id, input }) => [id, input]),
      [
        ["a", { n: 1 }],
        ["b", { n: 2 }],
      ],
    );
  });

  it("continue the last call when a provider sends no index", () => {
    const calls = assemble([
      { id: "a", function: fn("one", "") },
      { function: fn(undefined, '{"x":') },
      { function: fn(undefined, "1}") },
      { id: "b", function: fn("two", "{}") },
    ]);
    assert.deepEqual(calls, [
      { id: "a", name: "one", input: { x: 1 } },
      { id: "b", name: "two", input: {} },
    ]);
  });

  it("without arguments have an empty object", () => {
    assert.deepEqual(assemble([{ index: 0, id: "a", function: { name: "list" } }])[0]?.input, {});
  });

  it("get an id that no earlier call of the conversation has", () => {
    const calls = assemble(
      [
        { index: 0, id: "call_0", function: fn("one", "{}") },
        { index: 1, id: "call_1", function: fn("two", "{}") },
      ],
      ["call_0", "call_0_2"],
    );
    assert.deepEqual(
      calls.map(({ id }) => id),
      ["call_0_3", "call_1"],
    );
  });

  it("get an id when the provider sends none", () => {
    const ids = assemble([
      { index: 0, function: fn("one", "{}") },
      { index: 1, function: fn("two", "{}") },
    ]).map(({ id }) => id);
    assert.equal(new Set(ids.filter(Boolean)).size, 2);
  });

  for (const text of ['{"a":', "[1]", '"text"', "null"]) {
    it(`with the arguments ${text} are refused`, () => {
      const isFor = (error: unknown) => error instanceof BadArguments && error.tool === "write";
      assert.throws(() => assemble([{ index: 0, id: "a", function: fn("write", text) }]), isFor);
    });
  }
});
