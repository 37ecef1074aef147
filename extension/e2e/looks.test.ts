/** How it looks: the walkthrough, and themes. The screenshots are for people. */
import { describe, it } from "node:test";
import { setUp } from "./support/setup.ts";
import { signInWithCode } from "./support/website.ts";

const THEMES = [
  { name: "dark", theme: "Dark Modern", look: "vs-dark" },
  { name: "high-contrast", theme: "Default High Contrast", look: "hc-black" },
  { name: "high-contrast-light", theme: "Default High Contrast Light", look: "hc-light" },
];

describe("the extension", () => {
  const setup = setUp("looks");

  it("has a walkthrough, and fits into every theme", async () => {
    const account = await setup.product.register("lin");
    const window = await setup.editor.open();
    await window.openView();
    await window.page.getByRole("button", { name: "Get started" }).click();
    await window.page.getByText("Ask a model in the chat").first().waitFor();
    await window.picture("20-walkthrough");
    await signInWithCode(window, account);
    for (const { name, theme, look } of THEMES) {
      await setup.editor.configure({ "workbench.colorTheme": theme });
      await window.page.locator(`.monaco-workbench.${look}`).first().waitFor();
      await window.status.hover();
      await window.page.getByText("Used today (UTC)").first().waitFor();
      await window.picture(`21-${name}`);
    }
  });
});
