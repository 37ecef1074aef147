/** The languages of the extension, in an editor that is switched to them. The screenshots are for people. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setUp } from "./support/setup.ts";
import { signInWithCode } from "./support/website.ts";

const LANGUAGES = [
  { language: "de", left: /Token übrig/, today: "Heute verbraucht (UTC)" },
  { language: "zh-cn", left: /剩余/, today: "今天使用（UTC）" },
];

describe("the languages", () => {
  const setup = setUp("languages");

  it("are those of the editor", async () => {
    const account = await setup.product.register("emmy");
    const english = await setup.editor.open();
    const left = await signInWithCode(english, account);
    assert.ok(left > 0);
    for (const { language, left: words, today } of LANGUAGES) {
      await setup.editor.speak(language);
      const window = await setup.editor.open();
      await window.waitForStatus(words);
      await window.status.hover();
      await window.page.getByText(today).first().waitFor();
      await window.picture(`40-${language}-status`);
      await window.openView();
      await window.page.locator(".sidebar .monaco-list-row").first().waitFor();
      await window.picture(`41-${language}-view`);
    }
  });
});
