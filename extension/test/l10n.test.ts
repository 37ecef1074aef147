/** Every text that a user sees is there in every language, with the same placeholders and links. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";

const EXTENSION = new URL("..", import.meta.url);
const LANGUAGES = ["de", "zh-cn"];

type Texts = Record<string, string>;

function read(path: string): string {
  return readFileSync(new URL(path, EXTENSION), "utf8");
}

function texts(path: string): Texts {
  return JSON.parse(read(path)) as Texts;
}

/** The texts that the code passes to `l10n.t`. They must be literals, so that they can be found. */
function textsOfCode(): Set<string> {
  const found = new Set<string>();
  for (const file of readdirSync(new URL("src", EXTENSION), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) {
      continue;
    }
    const code = read(`src/${file}`);
    const calls = code.match(/\bl10n\.t\(/g) ?? [];
    const literals = [...code.matchAll(/\bl10n\.t\(\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)')/g)];
    assert.equal(literals.length, calls.length, `${file} translates something else than a literal`);
    for (const [, double, single] of literals) {
      found.add(single ?? (JSON.parse(`"${double}"`) as string));
    }
  }
  return found;
}

/** What a translation must keep: {0}, links, command addresses, code. */
function fixedParts(text: string): string[] {
  return [...text.matchAll(/\{\d+\}|\(command:[^)]*\)|`[^`]*`|tokengate\.\w+/g)].map(([part]) => part).sort();
}

function assertTranslates(translations: Texts, originals: Texts): void {
  assert.deepEqual(Object.keys(translations).sort(), Object.keys(originals).sort());
  for (const [key, original] of Object.entries(originals)) {
    assert.deepEqual(fixedParts(translations[key] ?? ""), fixedParts(original), key);
    assert.notEqual(translations[key]?.trim(), "", key);
  }
}

const ofCode = Object.fromEntries([...textsOfCode()].map((text) => [text, text]));
const ofManifest = texts("package.nls.json");

describe("the manifest", () => {
  it("has a text for every key that it uses, and uses every text", () => {
    const used = [...read("package.json").matchAll(/"%([^%"]+)%"/g)].map(([, key]) => key);
    assert.deepEqual([...new Set(used)].sort(), Object.keys(ofManifest).sort());
  });
});

for (const language of LANGUAGES) {
  describe(`the language ${language}`, () => {
    it("has every text of the code", () => {
      assertTranslates(texts(`l10n/bundle.l10n.${language}.json`), ofCode);
    });

    it("has every text of the manifest", () => {
      assertTranslates(texts(`package.nls.${language}.json`), ofManifest);
    });
  });
}
