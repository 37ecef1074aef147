import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { trimCompletion } from "../../src/completions/trim.ts";

interface Case {
  prefix?: string;
  suffix?: string;
  block?: boolean;
  chat?: boolean;
}

function trim(written: string, { prefix = "", suffix = "", block = false, chat = false }: Case = {}): string {
  return trimCompletion(written, { prefix, suffix }, { block, chat });
}

describe("a completion of a line", () => {
  it("ends with the line", () => assert.equal(trim("a + b;\nreturn c;"), "a + b;"));

  it("is nothing if only spaces are left", () => assert.equal(trim("  \n  x"), ""));

  it("does not repeat what follows on the line", () => {
    assert.equal(trim("a, b);", { prefix: "call(", suffix: ");\nnext" }), "a, b");
    assert.equal(trim("word'", { prefix: "'", suffix: "'" }), "word");
  });

  it("keeps the brackets and quotes that it has opened", () => {
    assert.equal(trim("bar()", { prefix: "foo(", suffix: ")\n" }), "bar()");
    assert.equal(trim('get("a")', { prefix: "f(", suffix: ")" }), 'get("a")');
    assert.equal(trim("bar())", { prefix: "foo(", suffix: ")\n" }), "bar()");
  });

  it("never ends with the rest of the line, unless that closes what it has opened", () => {
    const word = fc.stringMatching(/^[a-z ]{1,12}$/).filter((text) => text.trim() === text && text !== "");
    fc.assert(
      fc.property(word, word, (text, rest) => {
        assert.equal(trim(text + rest, { suffix: `${rest}\nnext` }).endsWith(rest), text.endsWith(rest));
      }),
    );
  });
});

describe("a completion of a block", () => {
  it("ends before the first line of an outer block", () => {
    const prefix = "class A {\n  f() {\n    ";
    assert.equal(
      trim("if (a) {\n      b();\n    }\n    c();\n  }\n\n  g() {", { prefix, block: true }),
      "if (a) {\n      b();\n    }",
    );
    assert.equal(trim("a();\n    b();\n  }\n  g() {}", { prefix, block: true }), "a();\n    b();");
  });

  it("does not repeat the lines that follow", () => {
    const place = { prefix: "if (a) {\n  ", suffix: "\n}\nend();", block: true };
    assert.equal(trim("b();\n}\nend();", place), "b();");
  });

  it("may close the block that it begins", () => {
    const place = { prefix: "function f() {", suffix: "\n", block: true };
    assert.equal(trim("\n  return 1;\n}\n\nfunction g() {", place), "\n  return 1;\n}");
  });

  it("has the line ends of the document's text", () => {
    assert.equal(trim("a\r\nb", { block: true }), "a\nb");
  });
});

describe("a completion by a chat", () => {
  it("is taken out of its fence", () => {
    assert.equal(trim("```ts\nreturn 1;\n```", { chat: true }), "return 1;");
    assert.equal(trim("```ts", { chat: true }), "");
  });

  it("does not repeat the line that was begun", () => {
    assert.equal(trim("  const a = 1;", { prefix: "x\n  const a", chat: true }), " = 1;");
    assert.equal(trim("const a = 1;", { prefix: "x\n  const a", chat: true }), " = 1;");
  });
});
