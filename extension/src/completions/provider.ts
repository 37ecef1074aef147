/** Completions at the cursor, as the editor asks for them. */

import * as vscode from "vscode";
import type { Services } from "../services.ts";
import type { Pause } from "./pause.ts";
import { isEnabledFor, readSettings } from "./settings.ts";
import type { CompletionSource, Place } from "./source.ts";
import { isEndOfLine, toWindow, windowAround } from "./window.ts";

export class CompletionProvider implements vscode.InlineCompletionItemProvider {
  readonly #services: Pick<Services, "client" | "log" | "showError">;
  readonly #source: CompletionSource;
  readonly #pause: Pause;
  readonly #onPause: () => void;

  constructor(
    services: Pick<Services, "client" | "log" | "showError">,
    source: CompletionSource,
    pause: Pause,
    onPause: () => void,
  ) {
    this.#services = services;
    this.#source = source;
    this.#pause = pause;
    this.#onPause = onPause;
  }

  async provideInlineCompletionItems(
    document: vscode.TextDocument,
    position: vscode.Position,
    context: vscode.InlineCompletionContext,
    token: vscode.CancellationToken,
  ): Promise<vscode.InlineCompletionItem[]> {
    const settings = readSettings();
    const isAsked = context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke;
    if (isAsked) {
      this.#pause.end();
    }
    const place = placeOf(document, position);
    const isWanted = isEnabledFor(settings, document.languageId) && isEndOfLine(place.window.suffix);
    // With a suggestion selected in the list, the editor shows only what begins with it.
    const isFree = context.selectedCompletionInfo === undefined && this.#pause.reason === undefined;
    if (!isWanted || !isFree || (await this.#services.client.getSession()) === undefined) {
      return [];
    }
    const abort = new AbortController();
    const subscription = token.onCancellationRequested(() => abort.abort());
    try {
      const delay = isAsked ? 0 : settings.delay;
      const text = await this.#source.get(place, { model: settings.model, delay }, abort.signal);
      return text === "" ? [] : [new vscode.InlineCompletionItem(text, new vscode.Range(position, position))];
    } catch (error) {
      if (!abort.signal.aborted) {
        this.#fail(error, isAsked);
      }
      return [];
    } finally {
      subscription.dispose();
    }
  }

  /** Errors of requests that nobody has asked for are logged, and shown in the language's status. */
  #fail(error: unknown, isAsked: boolean): void {
    this.#services.log.warn("A completion failed.", error);
    if (this.#pause.begin(error)) {
      this.#onPause();
    }
    if (isAsked) {
      this.#services.showError(error);
    }
  }
}

function placeOf(document: vscode.TextDocument, position: vscode.Position): Place {
  const offset = document.offsetAt(position);
  const { start, end } = windowAround(offset);
  const before = new vscode.Range(document.positionAt(start), position);
  const behind = new vscode.Range(position, document.positionAt(end));
  return {
    window: toWindow(document.getText(before), document.getText(behind)),
    language: document.languageId,
    file: document.fileName.split(/[\\/]/).at(-1) ?? "",
  };
}
