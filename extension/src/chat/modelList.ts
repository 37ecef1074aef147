/** Keeps the list of models, which the editor asks for often. */

import { type Disposable, type Event, EventEmitter } from "vscode";
import type { TokengateClient } from "../api/client.ts";
import { type ChatModel, toChatModels } from "./catalog.ts";

const freshFor = 5 * 60_000;
const retryAfter = 30_000;

type Client = Pick<TokengateClient, "getSession" | "onDidChangeSession" | "models">;

export class ModelList implements Disposable {
  /** The list may have changed. */
  readonly onDidChange: Event<void>;
  readonly #changed = new EventEmitter<void>();
  readonly #client: Client;
  readonly #subscription: Disposable;
  #kept: { session: string; models: ChatModel[]; at: number } | undefined;
  #fetching: Promise<ChatModel[]> | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(client: Client) {
    this.#client = client;
    this.onDidChange = this.#changed.event;
    this.#subscription = client.onDidChangeSession(() => this.refresh());
  }

  /**
   * The models of the user's plan; none if nobody is signed in. If the server cannot be reached, the
   * last list is returned, and {@link onDidChange} fires in half a minute.
   */
  async get(): Promise<ChatModel[]> {
    const session = await this.#client.getSession();
    if (session === undefined) {
      return [];
    }
    const kept = this.#kept?.session === session.id ? this.#kept : undefined;
    if (kept && Date.now() - kept.at < freshFor) {
      return kept.models;
    }
    try {
      this.#fetching ??= this.#fetch(session.id).finally(() => {
        this.#fetching = undefined;
      });
      return await this.#fetching;
    } catch (error) {
      this.#refreshLater();
      if (kept) {
        return kept.models;
      }
      throw error;
    }
  }

  /** Forget the list, and tell the editor to ask for it. */
  refresh(): void {
    clearTimeout(this.#retry);
    this.#kept = undefined;
    this.#fetching = undefined;
    this.#changed.fire();
  }

  dispose(): void {
    clearTimeout(this.#retry);
    this.#subscription.dispose();
    this.#changed.dispose();
  }

  async #fetch(session: string): Promise<ChatModel[]> {
    const models = toChatModels(await this.#client.models());
    this.#kept = { session, models, at: Date.now() };
    return models;
  }

  #refreshLater(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#changed.fire(), retryAfter);
  }
}
