/** What the chat shows when a request fails: what happened, and what the user can do. */

import { LanguageModelError, l10n } from "vscode";
import { TokengateError } from "../api/errors.ts";

/** Return the error to throw to the editor, which shows its message in the chat. */
export function toEditorError(error: unknown): unknown {
  if (!(error instanceof TokengateError)) {
    return error;
  }
  return Object.assign(new Error(messageOf(error)), { code: codeOf(error), stack: "" });
}

/**
 * The code of a `LanguageModelError`, for other extensions. It is not thrown itself: the editor rebuilds
 * one with a stack of its own, and shows the stack in the chat.
 */
function codeOf(error: TokengateError): string {
  if (error.needsSignIn || error.status === 403) {
    return LanguageModelError.NoPermissions.name;
  }
  if (error.status === 402 || error.status === 429) {
    return LanguageModelError.Blocked.name;
  }
  return error.status === 404 ? LanguageModelError.NotFound.name : "Unknown";
}

function messageOf(error: TokengateError): string {
  const sentences = [error.describe(), whatToDo(error), whatWasCharged(error)];
  return sentences.filter((sentence) => sentence !== undefined).join(" ");
}

function whatToDo(error: TokengateError): string | undefined {
  if (error.needsSignIn) {
    return l10n.t('Run the command "Tokengate: Sign in", then send the message again.');
  }
  if (error.upgradeUrl !== undefined && !error.message.includes(error.upgradeUrl)) {
    return l10n.t("More tokens: {0}", error.upgradeUrl);
  }
  return undefined;
}

/** The server's message of a broken stream has the charge already, unless it is another's message. */
function whatWasCharged(error: TokengateError): string | undefined {
  const isSaid = error.charged === undefined || error.message.includes(error.charged.toLocaleString("en"));
  return isSaid ? undefined : l10n.t("{0} tokens were charged.", error.charged.toLocaleString());
}

/** The error calls for an action outside of the chat: signing in, or another plan. */
export function needsAction(error: unknown): error is TokengateError {
  return error instanceof TokengateError && (error.needsSignIn || error.upgradeUrl !== undefined);
}
