/** Gets the text to insert at the cursor: from the cache, else from a model. Knows no editor. */

import { setTimeout as sleep } from "node:timers/promises";
import type { TokengateClient } from "../api/client.ts";
import { TokengateError } from "../api/errors.ts";
import type { Model } from "../api/generated/index.ts";
import { readText } from "./answer.ts";
import { CompletionCache } from "./cache.ts";
import { chooseModel } from "./models.ts";
import { type Asked, type CompletionRequest, chatRequest, fillInRequest } from "./prompts.ts";
import { trimCompletion } from "./trim.ts";
import { type TextWindow, wantsBlock } from "./window.ts";

export interface Place {
  readonly window: TextWindow;
  readonly language: string;
  readonly file: string;
}

export interface SourceSettings {
  /** The id of a model, or an empty string. */
  readonly model: string;
  /** Milliseconds without typing before a request. */
  readonly delay: number;
}

type Client = Pick<TokengateClient, "stream" | "models">;

const modelsKept = 5 * 60_000;
/** By this name, the usage of completions can be told from that of chats. */
const task = "inline-completions";
/** Refusals of an endpoint that a model's provider does not have. */
const lacksEndpoint = new Set([400, 404, 405, 501]);

export class CompletionSource {
  readonly #client: Client;
  readonly #cache = new CompletionCache();
  readonly #chatOnly = new Set<string>();
  #models: { list: Promise<Model[]>; at: number } | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Return the text to insert; empty if there is nothing to suggest. A later call for the same place
   * is expected to abort the signal of this one, which then rejects with its reason. Raises a
   * `TokengateError` if the server refuses the request.
   */
  async get(place: Place, settings: SourceSettings, signal: AbortSignal): Promise<string> {
    const known = this.#cache.find(place.window);
    if (known !== undefined) {
      return known;
    }
    await sleep(settings.delay, undefined, { signal });
    const model = chooseModel(await this.#listModels(), settings.model);
    if (model === undefined) {
      return "";
    }
    const text = await this.#ask(model, place, signal);
    this.#cache.add(place.window, text);
    return text;
  }

  /** Forget what depends on the user and the settings. */
  reset(): void {
    this.#cache.clear();
    this.#models = undefined;
  }

  #listModels(): Promise<Model[]> {
    if (this.#models === undefined || Date.now() - this.#models.at > modelsKept) {
      const list = this.#client.models();
      this.#models = { list, at: Date.now() };
      list.catch(() => {
        this.#models = undefined;
      });
    }
    return this.#models.list;
  }

  async #ask(model: Model, place: Place, signal: AbortSignal): Promise<string> {
    const reasons = model.supported_parameters?.includes("reasoning") ?? false;
    const asked: Asked = { model: model.id, reasons, ...place };
    const request = this.#chatOnly.has(model.id) ? undefined : fillInRequest(asked);
    try {
      return await this.#send(request ?? chatRequest(asked), place.window, signal);
    } catch (error) {
      const isRefused = error instanceof TokengateError && lacksEndpoint.has(error.status);
      if (request === undefined || !isRefused) {
        throw error;
      }
      this.#chatOnly.add(model.id);
      return await this.#send(chatRequest(asked), place.window, signal);
    }
  }

  async #send(request: CompletionRequest, window: TextWindow, signal: AbortSignal): Promise<string> {
    const headers = { "x-task-id": task };
    const response = await this.#client.stream(request.path, request.body, { signal, headers });
    const written = await readText(response);
    return trimCompletion(written, window, { block: wantsBlock(window), chat: request.chat });
  }
}
