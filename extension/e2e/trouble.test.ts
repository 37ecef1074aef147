/** What the user sees when the session is revoked, the server is down, or the balance runs low. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Account } from "./support/product.ts";
import { setUp } from "./support/setup.ts";
import { signInWithCode } from "./support/website.ts";
import type { EditorWindow } from "./support/window.ts";

const MODEL = "openai/gpt-5-mini";

describe("trouble", () => {
  const setup = setUp("trouble");
  let account: Account;
  let window: EditorWindow;

  /** Spend so many tokens, as another tool of the user does. */
  const spend = async (tokens: number): Promise<void> => {
    const body = { model: MODEL, prompt_tokens: tokens, completion_tokens: 0 };
    await setup.product.api("POST", "/api/tokens/consume", { access: account.access, body });
  };

  it("is no trouble with a balance that is high enough", async () => {
    account = await setup.product.register("joan");
    window = await setup.editor.open();
    const left = await signInWithCode(window, account);
    await window.openView();
    await spend(1_234);
    await window.run("Tokengate: Refresh");
    assert.equal(await window.tokensLeft(left), left - 1_234);
    await window.page.getByText("98,766").first().waitFor();
    await window.picture("5-account-view");
  });

  it("shows the receipt of a request", async () => {
    await window.expand("Recent requests");
    await window.page.getByRole("treeitem", { name: `${MODEL}, 1,234 tokens` }).click();
    await window.page.locator(".view-line", { hasText: "Charged" }).waitFor();
    await window.picture("6-receipt");
  });

  it("begins when a fifth of the allowance is left: the user is warned once", async () => {
    await spend(80_000);
    await window.run("Tokengate: Refresh");
    await window.notification("tokens are left of your Tokengate allowance").waitFor();
    await window.picture("7-warning-at-80-percent");
    await window.page.keyboard.press("Escape");
    await window.run("Notifications: Clear All Notifications");
    await spend(1);
    await window.run("Tokengate: Refresh");
    await window.waitForStatus(/18,765 tokens left/);
    assert.equal(await window.notification("tokens are left of your").count(), 0);
  });

  it("is shown when the server is down, and ends by itself when it is back", async () => {
    await setup.product.stop();
    await window.run("Tokengate: Refresh");
    await window.waitForStatus(/^Tokengate is not available: .* cannot be reached \(ECONNREFUSED\)\.$/);
    await window.picture("8-server-down");
    await setup.product.start();
    await window.waitForStatus(/^Tokengate: 18,765 tokens left/, 180_000);
  });

  it("is explained by a diagnosis that has no secrets", async () => {
    await window.run("Tokengate: Diagnose problems");
    await window.notification("The report contains no tokens").waitFor();
    await window.press("Copy");
    const text = await window.page.evaluate(() => navigator.clipboard.readText());
    assert.match(text, /Tokengate 0\.1\.0/);
    assert.match(text, /GET \/api\/health\/ready: 200/);
    assert.match(text, /Signed in \(user \d+\), plan free/);
    assert.match(text, /\/api\/auth\/me: 0 network \([0-9a-f-]{36}\)/);
    assert.ok(!text.includes(account.email));
    await window.picture("9-diagnosis");
  });

  it("ends a revoked session, and offers to sign in again", async () => {
    const devices = await setup.product.api<{ id: string; origin: string }[]>(
      "GET",
      "/api/users/sessions",
      account,
    );
    const editor = devices.find(({ origin }) => origin === "device");
    await setup.product.api("DELETE", `/api/users/sessions/${editor?.id}`, account);
    await window.run("Tokengate: Refresh");
    await window.waitForStatus(/^Sign in to Tokengate$/);
    await window.notification("session").getByRole("button", { name: "Sign in" }).waitFor();
    await window.picture("10-revoked");
    await window.notification("session").getByRole("button", { name: "Sign in" }).click();
    await window.dialog("Your code").waitFor();
  });
});
