import * as vscode from "vscode";

export interface CompletionSettings {
  readonly enabled: boolean;
  readonly languages: Readonly<Record<string, boolean>>;
  readonly model: string;
  readonly delay: number;
}

const shownFor = 5_000;

export const section = "tokengate.completions";

export function readSettings(): CompletionSettings {
  const configuration = vscode.workspace.getConfiguration(section);
  return {
    enabled: configuration.get("enabled", false),
    languages: configuration.get("languages", {}),
    model: configuration.get("model", ""),
    delay: configuration.get("delay", 250),
  };
}

/** A language's own switch, else the one of `*`. */
export function isEnabledFor({ enabled, languages }: CompletionSettings, language: string): boolean {
  return enabled && (languages[language] ?? languages["*"] ?? true);
}

/** Turn completions on or off for all windows, and say so. */
export async function toggle(): Promise<void> {
  const enabled = !readSettings().enabled;
  const configuration = vscode.workspace.getConfiguration(section);
  await configuration.update("enabled", enabled, vscode.ConfigurationTarget.Global);
  const message = enabled
    ? vscode.l10n.t("Inline completions: on")
    : vscode.l10n.t("Inline completions: off");
  vscode.window.setStatusBarMessage(message, shownFor);
}
