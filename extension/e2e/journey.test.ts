/** A new user: from an editor with the extension to the first answer of a model. */
import { describe, it } from "node:test";
import { CHAT_SETTINGS, Chat, script } from "./support/chat.ts";
import { setUp } from "./support/setup.ts";
import { opened, signUp } from "./support/website.ts";

describe("a new user", () => {
  const setup = setUp("journey", CHAT_SETTINGS);

  it("creates an account from the editor, and asks a model", async (test) => {
    const window = await setup.editor.open();
    const begun = performance.now();
    const since = (): string => `${((performance.now() - begun) / 1000).toFixed(0)} s`;

    await window.status.click();
    await window.dialog("Your code").waitFor();
    const page = await opened(window, () => window.press("Copy code and open browser"));
    await signUp(page, `new-${crypto.randomUUID().slice(0, 8)}@example.com`);
    await window.picture("30-new-user");
    await page.getByRole("button", { name: "Allow" }).click();
    await window.tokensLeft();
    test.diagnostic(`Signed up, and signed in to the editor: ${since()}.`);
    await page.close();
    const chat = await Chat.open(window, "OpenAI: GPT-5 Mini");
    await chat.say(`Hello! ${script({ text: "Hello, new user." })}`);
    test.diagnostic(`Asked a model: ${since()}.`);
    await chat.see("Hello, new user.");
    test.diagnostic(`The first answer: ${since()}.`);
    await window.picture("31-first-answer");
  });
});
