/** Errors as the user sees them: what happened, and what to do about it. */
import { CancellationError, commands, env, l10n, Uri, window } from "vscode";
import type { Format } from "../account/format.ts";
import { TokengateError } from "../api/errors.ts";

/** What a button does. */
export type Action =
  | { readonly kind: "signIn" | "diagnose"; readonly label: string }
  | { readonly kind: "open"; readonly label: string; readonly url: string };

export interface Notice {
  readonly message: string;
  readonly actions: readonly Action[];
}

const REPEATED = 60_000;

/** A function that shows an error, and the same message once a minute only. */
export function errorPresenter(format: Format): (error: unknown) => void {
  const shown = new Map<string, number>();
  return (error) => {
    if (isCancelled(error)) {
      return;
    }
    const notice = noticeOf(error, format);
    const key = error instanceof TokengateError ? error.code : notice.message;
    const last = shown.get(key) ?? Number.NEGATIVE_INFINITY;
    if (Date.now() - last < REPEATED) {
      return;
    }
    shown.set(key, Date.now());
    void present(notice);
  };
}

export function isCancelled(error: unknown): boolean {
  return error instanceof CancellationError || (error instanceof Error && error.name === "AbortError");
}

export function noticeOf(error: unknown, format: Format): Notice {
  if (!(error instanceof TokengateError)) {
    return { message: error instanceof Error ? error.message : String(error), actions: [] };
  }
  if (error.needsSignIn) {
    const ended = l10n.t("Your Tokengate session has ended. Sign in again.");
    const message = error.code === "token_revoked" ? `${ended}${idOf(error)}` : error.describe();
    return { message, actions: [{ kind: "signIn", label: l10n.t("Sign in") }] };
  }
  if (error.upgradeUrl !== undefined) {
    return {
      message: error.describe(),
      actions: [{ kind: "open", label: l10n.t("Get more tokens"), url: error.upgradeUrl }],
    };
  }
  if (error.status === 429) {
    return { message: `${error.message} ${whenAgain(error, format)}${idOf(error)}`, actions: [] };
  }
  const diagnose: Action = { kind: "diagnose", label: l10n.t("Diagnose") };
  return { message: error.describe(), actions: error.status === 0 ? [diagnose] : [] };
}

/** When a request can be repeated, as a sentence. Empty if the server does not say. */
export function whenAgain(error: TokengateError, format: Format): string {
  if (error.retryAfter !== undefined) {
    return l10n.t("Try again in {0} seconds.", format.count(Math.ceil(error.retryAfter)));
  }
  return error.resetsAt === undefined ? "" : l10n.t("Try again after {0}.", format.time(error.resetsAt));
}

function idOf(error: TokengateError): string {
  return error.requestId === undefined ? "" : ` (${error.requestId})`;
}

async function present({ message, actions }: Notice): Promise<void> {
  const chosen = await window.showErrorMessage(message, ...actions.map(({ label }) => label));
  const action = actions.find(({ label }) => label === chosen);
  if (action?.kind === "open") {
    await env.openExternal(Uri.parse(action.url));
  } else if (action !== undefined) {
    await commands.executeCommand(`tokengate.${action.kind}`);
  }
}
