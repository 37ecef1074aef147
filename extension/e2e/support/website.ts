/** The website's pages, as the user who signs an editor in sees them. */
import type { Page } from "playwright-core";
import type { Account } from "./product.ts";

export async function signInToWebsite(page: Page, account: Account): Promise<void> {
  await page.locator('input[name="login"]').fill(account.email);
  await page.locator('input[name="password"]').fill(account.password);
  await page.locator('input[name="password"]').press("Enter");
}
