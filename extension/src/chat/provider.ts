/** The models of the user's plan in the editor's chat. */

import * as vscode from "vscode";
import type { TokengateClient } from "../api/client.ts";
import type { Services } from "../services.ts";
import { readAnswer } from "./answer.ts";
import type { ChatModel } from "./catalog.ts";
import { toEditorPart } from "./editorParts.ts";
import { needsAction, toEditorError } from "./errors.ts";
import type { ModelList } from "./modelList.ts";
import { type PartClasses, readParts } from "./parts.ts";
import { buildRequest, callIds, conversationName } from "./request.ts";
import { estimateMessage, estimateText } from "./tokenEstimate.ts";
import { sendPatiently } from "./waiting.ts";
import type { ChatRequest } from "./wire.ts";

type Client = Pick<TokengateClient, "stream" | "windowSession">;

export interface ChatServices {
  readonly client: Client;
  readonly log: Pick<Services["log"], "info" | "warn">;
  readonly showError: Services["showError"];
  readonly models: Pick<ModelList, "get" | "onDidChange">;
  /** Asks the user to sign in. */
  signIn(): Thenable<unknown>;
}

const path = "/api/llm/chat/completions";

/** Editors that have thinking parts export the class, which is not in the stable API. */
const classes: PartClasses = vscode;

export class ChatProvider implements vscode.LanguageModelChatProvider<ChatModel> {
  readonly onDidChangeLanguageModelChatInformation: vscode.Event<void>;
  readonly #services: ChatServices;

  constructor(services: ChatServices) {
    this.#services = services;
    this.onDidChangeLanguageModelChatInformation = services.models.onDidChange;
  }

  async provideLanguageModelChatInformation(
    { silent }: vscode.PrepareLanguageModelChatModelOptions,
    _token: vscode.CancellationToken,
  ): Promise<ChatModel[]> {
    const { models, log, signIn } = this.#services;
    try {
      const listed = await models.get();
      if (listed.length > 0 || silent) {
        return listed;
      }
      await signIn();
      return await models.get();
    } catch (error) {
      log.warn("The models could not be listed.", error);
      if (silent) {
        return [];
      }
      throw toEditorError(error);
    }
  }

  async provideLanguageModelChatResponse(
    model: ChatModel,
    messages: readonly vscode.LanguageModelChatRequestMessage[],
    options: vscode.ProvideLanguageModelChatResponseOptions,
    progress: vscode.Progress<vscode.LanguageModelResponsePart>,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const abort = new AbortController();
    const subscription = token.onCancellationRequested(() => abort.abort());
    try {
      if (token.isCancellationRequested) {
        abort.abort();
      }
      await this.#answer(buildRequest(classes, model, messages, options), progress, abort.signal);
    } catch (error) {
      if (abort.signal.aborted) {
        throw new vscode.CancellationError();
      }
      this.#services.log.warn("A chat request failed.", error);
      if (needsAction(error)) {
        this.#services.showError(error);
      }
      throw toEditorError(error);
    } finally {
      subscription.dispose();
    }
  }

  async provideTokenCount(
    _model: ChatModel,
    text: string | vscode.LanguageModelChatRequestMessage,
    _token: vscode.CancellationToken,
  ): Promise<number> {
    return typeof text === "string" ? estimateText(text) : estimateMessage(readParts(classes, text.content));
  }

  async #answer(
    request: ChatRequest,
    progress: vscode.Progress<vscode.LanguageModelResponsePart>,
    signal: AbortSignal,
  ): Promise<void> {
    const { client } = this.#services;
    const headers = { "x-task-id": conversationName(request.messages, client.windowSession) };
    const response = await sendPatiently(() => client.stream(path, request, { signal, headers }), signal);
    const usedCallIds = callIds(request.messages);
    for await (const part of readAnswer(response, { model: request.model, usedCallIds })) {
      if (part.kind === "finish" && part.reason === "length") {
        this.#tellLimit(response.headers);
      }
      const shown = toEditorPart(classes, part);
      if (shown) {
        progress.report(shown);
      }
    }
  }

  /** Tell why an answer ended early, if more was possible with another plan or more tokens. */
  #tellLimit(headers: Headers): void {
    const limit = headers.get("x-output-limit") ?? "?";
    const by = headers.get("x-output-limited-by");
    this.#services.log.info(`The answer ended at ${limit} tokens, limited by ${by}.`);
    if (by === "plan" || by === "balance") {
      void tellLimit(by, limit);
    }
  }
}

const offers = {
  plan: {
    command: "tokengate.switchPlan",
    label: () => vscode.l10n.t("Change plan"),
    message: (limit: string) =>
      vscode.l10n.t("The answer ended at {0} tokens, the most that your plan allows.", limit),
  },
  balance: {
    command: "tokengate.buyTokens",
    label: () => vscode.l10n.t("Buy tokens"),
    message: (limit: string) =>
      vscode.l10n.t("The answer ended at {0} tokens, the most that your balance covers.", limit),
  },
};

async function tellLimit(by: keyof typeof offers, limit: string): Promise<void> {
  const { command, label, message } = offers[by];
  const chosen = await vscode.window.showWarningMessage(message(limit), label());
  if (chosen !== undefined) {
    await vscode.commands.executeCommand(command);
  }
}
