/**
 * Lets users chat who are not signed in to GitHub.
 *
 * Since 1.121, VS Code asks them to set up Copilot before it sends a chat request, unless
 * `chatLanguageModels.json` has a group of another provider; models that an extension offers do not count.
 * "Manage language models" adds such a group when a user adds a provider, by the command that is used here.
 */
import { commands, type Disposable, type Memento } from "vscode";
import type { Services } from "../services.ts";

const COMMAND = "lm.addLanguageModelsProviderGroup";
const KEY = "provider group added for session";

/** Once for each sign-in: a user who removes the group is not overruled at every start. */
export function registerProviderGroup({ client, context, log }: Services): Disposable {
  return client.onDidChangeSession(async (session) => {
    if (session !== undefined && context.globalState.get(KEY) !== session.id) {
      log.info(await addGroup());
      await remember(context.globalState, session.id);
    }
  });
}

async function addGroup(): Promise<string> {
  if (!(await commands.getCommands(true)).includes(COMMAND)) {
    return "This editor has no groups of language models.";
  }
  try {
    await commands.executeCommand(COMMAND, { name: "Tokengate", vendor: "tokengate" });
    return "Added Tokengate to the providers of language models.";
  } catch (error) {
    return `Tokengate was not added to the providers of language models: ${error}`; // as a rule: it is there
  }
}

async function remember(memento: Memento, session: string): Promise<void> {
  await memento.update(KEY, session);
}
