/** Models in the editor's chat: an agent's task with a tool, cancellation, and refusals. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CHAT_SETTINGS, Chat, script } from "./support/chat.ts";
import type { Account } from "./support/product.ts";
import { setUp } from "./support/setup.ts";
import { signInWithCode } from "./support/website.ts";
import type { EditorWindow } from "./support/window.ts";

const MODEL = "OpenAI: GPT-5 Mini";

interface Receipt {
  readonly model: string;
  readonly status: string;
  readonly charged: number;
}

describe("the chat", () => {
  const setup = setUp("chat", CHAT_SETTINGS);
  let account: Account;
  let window: EditorWindow;
  let chat: Chat;
  let left: number;

  const receipts = async (): Promise<Receipt[]> => {
    const page = await setup.product.api<{ results: Receipt[] }>("GET", "/api/tokens/usage", account);
    return page.results;
  };
  const charged = async (): Promise<number> =>
    (await receipts()).reduce((sum, receipt) => sum + receipt.charged, 0);
  /** A limit of the free plan. */
  const limit = (name: string, value: number): Promise<string> =>
    setup.product.shell(`from tokens.models import Tier; Tier.objects.update(${name}=${value})`);

  it("has the models of the plan", async () => {
    account = await setup.product.register("alan");
    await limit("tokens_per_minute", 10_000_000);
    await setup.editor.write("hello.txt", "Hello.\n");
    window = await setup.editor.open();
    left = await signInWithCode(window, account);
    chat = await Chat.open(window, MODEL);
    await window.picture("chat-1-model");
  });

  it("does a task with a tool, and each turn is charged", async () => {
    const path = `${setup.editor.folder}/workspace`;
    const steps = script(
      { tool: "list_dir", arguments: { path } },
      { text: "The folder has one file: hello.txt." },
    );
    await chat.say(`What is in this folder? ${steps}`);
    await chat.see("The folder has one file: hello.txt.");
    await window.picture("chat-2-tool");
    const turns = await receipts();
    assert.equal(turns.length, 2);
    assert.ok(turns.every(({ model, status }) => model === "openai/gpt-5-mini" && status === "ok"));
  });

  it("makes the status bar go down by exactly the receipts", async () => {
    await window.waitForStatus(new RegExp(`${(left - (await charged())).toLocaleString("en")} tokens left`));
  });

  it("stops when the user stops it, and what was written is charged", async () => {
    await chat.begin();
    await chat.say("Write a lot. [[n=120,d=50]]");
    await chat.see(/A demo model writes/);
    await chat.stop();
    // Without a usage lookup, the proxy reads a cancelled answer to its end, to charge what was reported.
    while ((await receipts()).length < 3) {
      await window.page.waitForTimeout(500);
    }
    assert.equal((await receipts())[0]?.status, "cancelled");
    await window.waitForStatus(new RegExp(`${(left - (await charged())).toLocaleString("en")} tokens left`));
  });

  it("tells when to try again over a limit", async () => {
    await limit("requests_per_minute", 0);
    await chat.begin();
    await chat.say("Hello!");
    await chat.see(/The limit on requests per minute is reached\. Try again in \d+ s/);
    assert.equal(await window.page.getByText("extensionHostProcess").count(), 0, "There is no stack.");
    await window.picture("chat-3-limit");
    await limit("requests_per_minute", 60);
  });

  it("tells how many tokens are missing, and offers more", async () => {
    const { available } = await setup.product.api<{ available: number }>(
      "GET",
      "/api/tokens/balance",
      account,
    );
    const body = { model: "another", prompt_tokens: available, completion_tokens: 0 };
    await setup.product.api("POST", "/api/tokens/consume", { access: account.access, body });
    await chat.begin();
    await chat.say("Hello!");
    await chat.see(/This request needs [\d,]+ tokens; 0 are available/);
    const notice = window.notification("0 are available");
    await notice.getByRole("button", { name: "Get more tokens" }).waitFor();
    await window.picture("chat-4-no-tokens");
  });
});
