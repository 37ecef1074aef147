/** A window of the editor, as its user sees it. */
import { mkdir } from "node:fs/promises";
import type { BrowserContext, Locator, Page } from "playwright-core";
import { OUTPUT } from "./places.ts";

/** The first start of an editor on a busy machine takes half a minute. */
const START = 90_000;
const SOON = 30_000;

export class EditorWindow {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  static async open(context: BrowserContext, url: string): Promise<EditorWindow> {
    const page = await context.newPage();
    const window = new EditorWindow(page);
    await page.goto(url);
    try {
      await window.status.waitFor({ timeout: START });
    } catch {
      // Now and then the extension host of a first start does not answer: the user would reload.
      await page.reload();
      await window.status.waitFor({ timeout: START });
    }
    return window;
  }

  /** The item of the status bar. */
  get status(): Locator {
    return this.page.locator('.statusbar-item[id$="tokengate.balance"]');
  }

  /** What a screen reader says of the status bar item. */
  async statusLabel(): Promise<string> {
    return (await this.status.locator("[aria-label]").first().getAttribute("aria-label")) ?? "";
  }

  /** Wait until the label of the status bar item fits, and return it. */
  async waitForStatus(wanted: RegExp, timeout = SOON): Promise<string> {
    const item = this.status.locator("[aria-label]").first();
    const end = Date.now() + timeout;
    for (;;) {
      const label = (await item.getAttribute("aria-label").catch(() => null)) ?? "";
      if (wanted.test(label)) {
        return label;
      }
      if (Date.now() > end) {
        throw new Error(`The status bar item says ${JSON.stringify(label)}, which is not ${wanted}.`);
      }
      await this.page.waitForTimeout(100);
    }
  }

  /** The tokens that the status bar shows. Waits until they are another number than `than`. */
  async tokensLeft(than?: number): Promise<number> {
    const end = Date.now() + SOON;
    for (;;) {
      const label = await this.waitForStatus(/^Tokengate: [\d,]+ tokens left/);
      const left = Number(label.replace(/\D/g, ""));
      if (left !== than) {
        return left;
      }
      if (Date.now() > end) {
        throw new Error(`The status bar still shows ${left} tokens.`);
      }
      await this.page.waitForTimeout(100);
    }
  }

  /** Run a command by its title in the command palette. */
  async run(title: string): Promise<void> {
    await this.page.keyboard.press("F1");
    const input = this.page.locator(".quick-input-widget input.input");
    await input.waitFor();
    await input.fill(`>${title}`);
    await this.page.locator(".quick-input-list .monaco-list-row").first().waitFor();
    await this.page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first().click();
  }

  /** The view with plan, balance and usage. */
  async openView(): Promise<void> {
    await this.page.locator(".activitybar [aria-label='Tokengate']").first().click();
  }

  /** Open a section of the view. A click while the tree is drawn anew is lost: so click until it is open. */
  async expand(section: string): Promise<void> {
    const row = this.page.getByRole("treeitem", { name: section });
    while ((await row.getAttribute("aria-expanded")) !== "true") {
      await row.locator(".monaco-tl-twistie").click();
      await this.page.waitForTimeout(500);
    }
  }

  /** What the operating system does with an address of the editor's scheme. */
  async openUrl(url: string): Promise<void> {
    await this.run("Developer: Open URL");
    const input = this.page.locator(".quick-input-widget input.input");
    await input.fill(url);
    await input.press("Enter");
    await this.dialog("open this URI").getByRole("button", { name: "Open", exact: true }).click();
  }

  /** Press a button of a dialogue or a notification. */
  async press(name: string): Promise<void> {
    await this.page.getByRole("button", { name, exact: true }).first().click();
  }

  /** A notification with this text. */
  notification(text: string | RegExp): Locator {
    return this.page.locator(".notification-list-item", { hasText: text }).first();
  }

  /** A modal dialogue of the editor. */
  dialog(text: string | RegExp): Locator {
    return this.page.locator(".monaco-dialog-box", { hasText: text }).first();
  }

  /** Write a screenshot, to be looked at. */
  async picture(name: string): Promise<void> {
    await mkdir(`${OUTPUT}/screenshots`, { recursive: true });
    await this.page.screenshot({ path: `${OUTPUT}/screenshots/${name}.png` });
  }
}
