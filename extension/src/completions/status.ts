/** Completions in the editor's language status: on, off, or paused, and why. */

import * as vscode from "vscode";
import type { Pause } from "./pause.ts";
import { isEnabledFor, readSettings } from "./settings.ts";

export class CompletionStatus implements vscode.Disposable {
  readonly #item: vscode.LanguageStatusItem;
  readonly #pause: Pause;

  constructor(selector: vscode.DocumentSelector, pause: Pause) {
    this.#pause = pause;
    this.#item = vscode.languages.createLanguageStatusItem("tokengate.completions", selector);
    this.#item.name = vscode.l10n.t("Tokengate inline completions");
    this.#item.command = {
      command: "tokengate.toggleCompletions",
      title: vscode.l10n.t("Turn on or off"),
    };
    this.update();
  }

  update(): void {
    const language = vscode.window.activeTextEditor?.document.languageId ?? "";
    const settings = readSettings();
    const isOn = isEnabledFor(settings, language);
    const reason = isOn ? this.#pause.reason : undefined;
    this.#item.text = textOf(isOn, settings.enabled, reason !== undefined);
    this.#item.detail = reason?.message ?? "";
    this.#item.severity = reason
      ? vscode.LanguageStatusSeverity.Warning
      : vscode.LanguageStatusSeverity.Information;
  }

  dispose(): void {
    this.#item.dispose();
  }
}

function textOf(isOn: boolean, isOnForOthers: boolean, isPaused: boolean): string {
  if (isPaused) {
    return vscode.l10n.t("Inline completions: paused");
  }
  if (isOn) {
    return vscode.l10n.t("Inline completions: on");
  }
  return isOnForOthers
    ? vscode.l10n.t("Inline completions: off for this language")
    : vscode.l10n.t("Inline completions: off");
}
