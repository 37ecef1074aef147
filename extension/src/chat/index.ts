import * as vscode from "vscode";
import type { Services } from "../services.ts";
import { ModelList } from "./modelList.ts";
import { ChatProvider } from "./provider.ts";
import { registerProviderGroup } from "./providerGroup.ts";

/** The id of the provider in package.json. */
const vendor = "tokengate";

/** Offer the models of the user's plan in the editor's chat. */
export function registerChat(services: Services): vscode.Disposable {
  // Some editors made from VS Code have no such chat.
  if (typeof vscode.lm?.registerLanguageModelChatProvider !== "function") {
    services.log.info("This editor has no chat that takes models of extensions.");
    return new vscode.Disposable(() => undefined);
  }
  const models = new ModelList(services.client);
  const provider = new ChatProvider({
    client: services.client,
    log: services.log,
    showError: (error) => services.showError(error),
    models,
    signIn: () => vscode.commands.executeCommand("tokengate.signIn"),
  });
  return vscode.Disposable.from(
    models,
    vscode.lm.registerLanguageModelChatProvider(vendor, provider),
    registerProviderGroup(services),
  );
}
