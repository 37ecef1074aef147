/** The editor's chat, as its user sees it. */
import type { Locator } from "playwright-core";
import type { EditorWindow } from "./window.ts";

/** The chat of the editor begins to answer when an extension of its own is ready: up to a minute after the first message. */
const ANSWER = 180_000;

/** Settings of an editor whose chat works without an account at GitHub. */
export const CHAT_SETTINGS = { "chat.allowAnonymousAccess": true } as const;

export class Chat {
  readonly #window: EditorWindow;
  readonly #input: Locator;

  private constructor(window: EditorWindow) {
    this.#window = window;
    this.#input = window.page.locator(".interactive-input-part").first();
  }

  /** Open the chat, and choose a model by its name. */
  static async open(window: EditorWindow, model: string): Promise<Chat> {
    const chat = new Chat(window);
    await window.run("Chat: Open Chat");
    await chat.#input.waitFor();
    await chat.#input.getByText("Anthropic: Cl").first().click();
    const search = window.page.getByPlaceholder("Search models");
    await search.fill(model);
    await window.page.getByRole("option", { name: model }).first().waitFor();
    await search.press("ArrowDown");
    await search.press("Enter");
    await chat.#input.getByText(model.slice(0, 10)).first().waitFor();
    return chat;
  }

  /** Begin a new conversation. */
  async begin(): Promise<void> {
    await this.#window.page
      .locator(".auxiliarybar")
      .getByRole("button", { name: /^New Chat/ })
      .first()
      .click();
    await this.#window.page
      .locator(".interactive-session .interactive-response")
      .first()
      .waitFor({ state: "hidden" });
  }

  async say(text: string): Promise<void> {
    await this.#input.locator(".monaco-editor").first().click();
    await this.#window.page.keyboard.insertText(text);
    await this.#window.page.keyboard.press("Enter");
  }

  /** Wait until the conversation has this text. */
  async see(text: string | RegExp): Promise<void> {
    const answers = this.#window.page.locator(".interactive-session .interactive-response");
    await answers.getByText(text).first().waitFor({ timeout: ANSWER });
  }

  /** Stop the answer that is being written. */
  async stop(): Promise<void> {
    await this.#input
      .getByRole("button", { name: /^Stop|^Cancel/ })
      .first()
      .click();
  }
}

/** A conversation's script for the demo upstream, to be put into a message. */
export function script(...steps: ({ tool: string; arguments: object } | { text: string })[]): string {
  return `[[script=${Buffer.from(JSON.stringify(steps)).toString("base64url")}]]`;
}
