import type { ExtensionContext, LogOutputChannel } from "vscode";
import type { TokengateClient } from "./api/client.ts";

/** What every feature is given by `activate`. */
export interface Services {
  readonly context: ExtensionContext;
  readonly client: TokengateClient;
  readonly log: LogOutputChannel;
  /**
   * Shows an error to the user with what they can do: sign in again, get more tokens, wait. Messages that
   * repeat within a minute are shown once. Aborted requests are not shown.
   */
  showError(error: unknown): void;
}
