/** Signing in, in each way, and what becomes of the session. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Account } from "./support/product.ts";
import { setUp } from "./support/setup.ts";
import { consent, opened, signInToWebsite, signInWithCode } from "./support/website.ts";
import type { EditorWindow } from "./support/window.ts";

interface Device {
  readonly id: string;
  readonly name: string;
  readonly origin: string;
}

describe("an editor that no redirect can reach", () => {
  const setup = setUp("sign-in-by-code");
  let account: Account;
  let window: EditorWindow;

  const editors = async (): Promise<Device[]> => {
    const { access } = account;
    const devices = await setup.product.api<Device[]>("GET", "/api/users/sessions", { access });
    return devices.filter((device) => device.origin !== "password");
  };

  it("offers to sign in, and nothing else", async () => {
    account = await setup.product.register("ada");
    window = await setup.editor.open();
    assert.equal(await window.statusLabel(), "Sign in to Tokengate");
    await window.openView();
    await window.page.getByText("Sign in to chat with the models of your plan").waitFor();
    await window.picture("1-signed-out");
  });

  it("signs in with a code that the user confirms in the browser", async () => {
    const balance = await setup.product.api<{ available: number }>("GET", "/api/tokens/balance", account);
    assert.equal(await signInWithCode(window, account, "2-code"), balance.available);
    const [device] = await editors();
    assert.equal(device?.name, "code-server");
    assert.equal(device?.origin, "device");
  });

  it("shows the account in the Accounts menu", async () => {
    await window.page.locator(".activitybar [aria-label^='Accounts']").first().click();
    await window.page.getByText(`${account.email} (Tokengate)`).waitFor();
    await window.picture("3-accounts-menu");
    await window.page.keyboard.press("Escape");
  });

  it("keeps the session when editor and server are restarted", async () => {
    await setup.editor.restart();
    window = await setup.editor.open();
    assert.ok((await window.tokensLeft()) > 0);
    assert.equal((await editors()).length, 1);
  });

  it("shares the session with a second window", async () => {
    const second = await setup.editor.open();
    assert.equal(await second.tokensLeft(), await window.tokensLeft());
    assert.equal((await editors()).length, 1);
    await second.page.close();
  });

  it("ends the session at the server when the user signs out", async () => {
    await window.run("Tokengate: Sign out");
    await window.dialog("out of Tokengate").waitFor();
    await window.press("Sign out");
    await window.waitForStatus(/^Sign in to Tokengate$/);
    assert.deepEqual(await editors(), []);
  });
});

describe("an editor that a redirect can reach", () => {
  const setup = setUp("sign-in-by-redirect", { "tokengate.signInMethod": "redirect" });

  it("signs in by authorization code with PKCE", async () => {
    const account = await setup.product.register("grace");
    const window = await setup.editor.open();
    const page = await opened(window, () => window.status.click());
    const request = new URL(new URL(page.url()).searchParams.get("next") ?? "", setup.product.url);
    assert.equal(request.searchParams.get("code_challenge_method"), "S256");
    await signInToWebsite(page, account);
    const callback = await consent(page);
    assert.match(callback, /^code-oss:\/\/tokengate\.tokengate\/auth\/callback\?code=/);

    await window.openUrl(callback.replace(/state=[^&]+/, "state=of-somebody-else"));
    await window.notification("was not started here").waitFor();
    assert.equal(await window.statusLabel(), "Sign in to Tokengate");

    await window.openUrl(callback);
    assert.ok((await window.tokensLeft()) > 0);
    await window.picture("4-signed-in-by-redirect");
  });
});
