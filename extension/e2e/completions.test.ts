/** Completions at the cursor. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Account } from "./support/product.ts";
import { setUp } from "./support/setup.ts";
import { signInWithCode } from "./support/website.ts";
import type { EditorWindow } from "./support/window.ts";

interface Receipt {
  readonly endpoint: string;
  readonly task: string;
  readonly charged: number;
}

describe("inline completions", () => {
  const setup = setUp("completions");
  let account: Account;
  let window: EditorWindow;
  let left: number;

  const receipts = async (): Promise<Receipt[]> => {
    const page = await setup.product.api<{ results: Receipt[] }>("GET", "/api/tokens/usage", account);
    return page.results;
  };
  const suggestion = () => window.page.locator(".monaco-editor .ghost-text-decoration").first();

  it("are off until the user switches them on", async () => {
    account = await setup.product.register("edsger");
    await setup.editor.write("answer.py", "# [[n=6]]\n");
    window = await setup.editor.open();
    left = await signInWithCode(window, account);
    await window.page.getByRole("treeitem", { name: "answer.py" }).dblclick();
    await window.page.locator(".monaco-editor .view-line", { hasText: "n=6" }).waitFor();
    await window.page.keyboard.press("Control+End");
    await window.page.keyboard.type("first = ");
    await window.page.waitForTimeout(3_000);
    assert.equal(await suggestion().count(), 0);
    assert.deepEqual(await receipts(), []);
  });

  it("suggest the rest of the line, which Tab inserts", async () => {
    await window.run("Tokengate: Turn inline completions on or off");
    await window.page.locator(".statusbar").getByText("Inline completions: on").waitFor();
    await window.page.locator(".monaco-editor .view-line", { hasText: "first" }).click();
    await window.page.keyboard.press("Control+End");
    await window.page.keyboard.press("Enter");
    await window.page.keyboard.type("second = ");
    await suggestion().waitFor({ timeout: 60_000 });
    await window.picture("completion");
    await window.page.keyboard.press("Tab");
    await window.page.locator(".view-line", { hasText: "second = A demo model writes one" }).waitFor();
  });

  it("are charged, under a name of their own", async () => {
    const made = await receipts();
    assert.ok(made.length > 0);
    assert.ok(
      made.every(({ endpoint, task }) => endpoint === "completions" && task === "inline-completions"),
    );
    // What Tab inserted has begun another one, which is charged a moment later.
    while (!(await window.statusLabel()).includes(`${await balance()} tokens left`)) {
      await window.page.waitForTimeout(500);
    }
  });

  /** What the receipts leave. */
  const balance = async (): Promise<string> => {
    const charged = (await receipts()).reduce((sum, receipt) => sum + receipt.charged, 0);
    return (left - charged).toLocaleString("en");
  };
});
