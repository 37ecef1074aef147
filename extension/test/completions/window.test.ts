import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isEndOfLine, toWindow, wantsBlock, windowAround } from "../../src/completions/window.ts";

describe("the window around the cursor", () => {
  it("has at most 6,000 characters before it, and at least 4,500 where there are as many", () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), (offset) => {
        const { start } = windowAround(offset);
        const before = offset - start;
        assert.ok(before <= 6000 && before >= Math.min(offset, 4501));
      }),
    );
  });

  it("begins at the same place while a few words are typed", () => {
    const starts = Array.from({ length: 40 }, (_, typed) => windowAround(20_000 + typed).start);
    assert.equal(new Set(starts).size, 1);
  });

  it("never has half of a surrogate pair", () => {
    assert.deepEqual(toWindow("\udc00a\ud83d\ude00", "\ud83d\ude00b\ud83d"), {
      prefix: "a\ud83d\ude00",
      suffix: "\ud83d\ude00b",
    });
  });
});

describe("a block of lines", () => {
  const cases: [string, string, boolean][] = [
    ["function f() {\n  ", "\n}", true],
    ["def f(x):", "\n", true],
    ["const f = () => ", "", true],
    ["call(", ")\n", true],
    ["const a = ", "\n", false],
    ["  return ", ";\n", false],
    ["  ", "word", false],
  ];
  for (const [prefix, suffix, isWanted] of cases) {
    it(`is ${isWanted ? "" : "not "}wanted at ${JSON.stringify(`${prefix}|${suffix}`)}`, () => {
      assert.equal(wantsBlock({ prefix, suffix }), isWanted);
    });
  }
});

describe("the end of a line", () => {
  for (const suffix of ["", "\nnext", ");\n", '"', " ]}"]) {
    it(`is before ${JSON.stringify(suffix)}`, () => assert.equal(isEndOfLine(suffix), true));
  }
  for (const suffix of ["x", ") + 1", "."]) {
    it(`is not before ${JSON.stringify(suffix)}`, () => assert.equal(isEndOfLine(suffix), false));
  }
});
