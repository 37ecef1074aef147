/** The website's pages, as the user who signs an editor in sees them. */
import type { Page } from "playwright-core";
import type { Account } from "./product.ts";
import type { EditorWindow } from "./window.ts";

/** The page that the editor opens in the browser, when `action` makes it do so. */
export async function opened(window: EditorWindow, action: () => Promise<void>): Promise<Page> {
  const popup = window.page.context().waitForEvent("page");
  await action();
  // Editors ask before they open an address of a site that is not known to them.
  await window.dialog("external website").getByRole("button", { name: "Open", exact: true }).click();
  const page = await popup;
  await page.waitForLoadState();
  return page;
}

export async function signInToWebsite(page: Page, account: Account): Promise<void> {
  await page.locator('input[name="login"]').fill(account.email);
  await page.locator('input[name="password"]').fill(account.password);
  await page.locator('input[name="password"]').press("Enter");
}

/** Create an account from the page that asks for a sign-in. */
export async function signUp(page: Page, email: string): Promise<void> {
  await page
    .getByRole("link", { name: /create an account|sign up/i })
    .first()
    .click();
  await page.locator('input[name="email"]').fill(email);
  for (const field of await page.locator('input[type="password"]').all()) {
    await field.fill("correct horse battery staple");
  }
  await page.locator('input[name="email"]').press("Enter");
}

/** Allow the editor. Returns the address that the browser hands to it. */
export async function consent(page: Page): Promise<string> {
  const client = await page.context().newCDPSession(page);
  await client.send("Page.enable");
  const left = new Promise<string>((resolve) => {
    const leaves = ({ url }: { url: string }): void => {
      if (!url.startsWith("http")) {
        resolve(url);
      }
    };
    client.on("Page.frameRequestedNavigation", leaves);
    client.on("Page.frameScheduledNavigation", leaves);
  });
  await page.getByRole("button", { name: "Allow" }).click();
  return await left;
}

/** Sign the editor in with a code, as a new user does. Returns the tokens that it shows then. */
export async function signInWithCode(
  window: EditorWindow,
  account: Account,
  picture?: string,
): Promise<number> {
  await window.status.click();
  await window.dialog("Your code").waitFor();
  if (picture !== undefined) {
    await window.picture(picture);
  }
  const page = await opened(window, () => window.press("Copy code and open browser"));
  await signInToWebsite(page, account);
  await page.getByRole("button", { name: "Allow" }).click();
  const left = await window.tokensLeft();
  await page.close();
  return left;
}
