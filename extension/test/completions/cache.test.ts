import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CompletionCache } from "../../src/completions/cache.ts";

describe("the cache of completions", () => {
  it("has the rest of a completion while the user types along it", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.string({ minLength: 1 }),
        fc.nat(),
        (prefix, suffix, text, at) => {
          const cache = new CompletionCache();
          cache.add({ prefix, suffix }, text);
          const typed = at % text.length;
          const window = { prefix: prefix + text.slice(0, typed), suffix };
          assert.equal(cache.find(window), text.slice(typed));
        },
      ),
    );
  });

  it("has nothing once the user types something else, or the text behind the cursor differs", () => {
    const cache = new CompletionCache();
    cache.add({ prefix: "a", suffix: ")" }, "bc");
    assert.equal(cache.find({ prefix: "ax", suffix: ")" }), undefined);
    assert.equal(cache.find({ prefix: "a", suffix: "" }), undefined);
    assert.equal(cache.find({ prefix: "", suffix: ")" }), undefined);
  });

  it("asks again behind a completion that was typed to its end", () => {
    const cache = new CompletionCache();
    cache.add({ prefix: "a", suffix: "" }, "bc");
    assert.equal(cache.find({ prefix: "abc", suffix: "" }), undefined);
  });

  it("knows where there is nothing to suggest", () => {
    const cache = new CompletionCache();
    cache.add({ prefix: "a", suffix: "" }, "");
    assert.equal(cache.find({ prefix: "a", suffix: "" }), "");
    assert.equal(cache.find({ prefix: "ab", suffix: "" }), undefined);
  });

  it("drops the completion that was not used for the longest time", () => {
    const cache = new CompletionCache();
    for (let number = 0; number < 64; number++) {
      cache.add({ prefix: `${number}:`, suffix: "" }, "x");
    }
    cache.find({ prefix: "0:", suffix: "" });
    cache.add({ prefix: "64:", suffix: "" }, "x");
    assert.equal(cache.find({ prefix: "0:", suffix: "" }), "x");
    assert.equal(cache.find({ prefix: "1:", suffix: "" }), undefined);
    assert.equal(cache.find({ prefix: "64:", suffix: "" }), "x");
  });

  it("has the newer of two completions for one place", () => {
    const cache = new CompletionCache();
    cache.add({ prefix: "a", suffix: "" }, "old");
    cache.add({ prefix: "a", suffix: "" }, "new");
    assert.equal(cache.find({ prefix: "a", suffix: "" }), "new");
  });
});
