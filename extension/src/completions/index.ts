import * as vscode from "vscode";
import type { Services } from "../services.ts";
import { Pause } from "./pause.ts";
import { CompletionProvider } from "./provider.ts";
import { section, toggle } from "./settings.ts";
import { CompletionSource } from "./source.ts";
import { CompletionStatus } from "./status.ts";

/** Documents in which users write; not those of outputs, terminals and comparisons. */
const documents: vscode.DocumentSelector = [
  "file",
  "untitled",
  "vscode-remote",
  "vscode-vfs",
  "vscode-notebook-cell",
].map((scheme) => ({ scheme }));

/** Complete code at the cursor, if the user has switched it on. */
export function registerCompletions(services: Services): vscode.Disposable {
  const pause = new Pause();
  const source = new CompletionSource(services.client);
  const status = new CompletionStatus(documents, pause);
  const provider = new CompletionProvider(services, source, pause, () => status.update());
  const restart = () => {
    pause.end();
    source.reset();
    status.update();
  };
  return vscode.Disposable.from(
    status,
    vscode.languages.registerInlineCompletionItemProvider(documents, provider),
    vscode.commands.registerCommand("tokengate.toggleCompletions", toggle),
    vscode.window.onDidChangeActiveTextEditor(() => status.update()),
    services.client.onDidChangeSession(restart),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(section)) {
        restart();
      }
    }),
  );
}
