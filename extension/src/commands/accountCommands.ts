/** The commands about the account: sign in and out, pages of the website, keys for other tools. */
import { commands, type Disposable, env, l10n, type QuickPickItem, Uri, window } from "vscode";
import { showReceipt } from "../account/receipt.ts";
import type { Account, AccountState } from "../account/state.ts";
import type { TokengateClient } from "../api/client.ts";
import { type Page, pageUrl } from "../api/pages.ts";
import type { TokengateAuthentication } from "../signIn/provider.ts";

export interface CommandOptions {
  readonly client: TokengateClient;
  readonly account: Account;
  readonly provider: TokengateAuthentication;
  readonly showError: (error: unknown) => void;
}

export function registerAccountCommands(options: CommandOptions): Disposable[] {
  const { client, account, provider, showError } = options;
  const openPage = async (page: Page): Promise<void> => {
    await env.openExternal(Uri.parse(pageUrl(client.baseUrl, page)));
  };
  const actions: Record<string, (...args: never[]) => unknown> = {
    signIn: () => signIn(provider),
    signOut: () => signOut(provider, client),
    manage: () => manage(account.state),
    refresh: () => account.refresh(),
    openAccount: () => openPage("account"),
    switchPlan: () => openPage("plans"),
    buyTokens: () => openPage("tokens"),
    copyKey: () => copyKey(client.baseUrl),
    showReceipt: (requestId: string) => showReceipt(requestId),
  };
  return Object.entries(actions).map(([name, action]) =>
    commands.registerCommand(`tokengate.${name}`, async (...args: never[]) => {
      try {
        return await action(...args);
      } catch (error) {
        showError(error);
      }
      return undefined;
    }),
  );
}

async function signIn(provider: TokengateAuthentication): Promise<void> {
  const { account } = await provider.createSession();
  void window.showInformationMessage(l10n.t("You are signed in to Tokengate as {0}.", account.label));
}

async function signOut(provider: TokengateAuthentication, client: TokengateClient): Promise<void> {
  const session = await client.getSession();
  if (session === undefined) {
    return;
  }
  const confirm = l10n.t("Sign out");
  const question = l10n.t("Sign {0} out of Tokengate in this editor?", session.account.label);
  if ((await window.showInformationMessage(question, { modal: true }, confirm)) === confirm) {
    await provider.removeSession();
  }
}

/** The menu behind the status bar item. */
async function manage(state: AccountState): Promise<void> {
  if (state.kind === "signedOut") {
    await commands.executeCommand("tokengate.signIn");
    return;
  }
  const items: (QuickPickItem & { readonly command: string })[] = [
    { label: `$(dashboard) ${l10n.t("Show balance and usage")}`, command: "tokengate.account.focus" },
    { label: `$(arrow-swap) ${l10n.t("Change plan")}`, command: "tokengate.switchPlan" },
    { label: `$(add) ${l10n.t("Buy tokens")}`, command: "tokengate.buyTokens" },
    { label: `$(key) ${l10n.t("Use Tokengate in another tool")}`, command: "tokengate.copyKey" },
    { label: `$(globe) ${l10n.t("Open the account page")}`, command: "tokengate.openAccount" },
    { label: `$(pulse) ${l10n.t("Diagnose problems")}`, command: "tokengate.diagnose" },
    { label: `$(sign-out) ${l10n.t("Sign out")}`, command: "tokengate.signOut" },
  ];
  const chosen = await window.showQuickPick(items, { title: "Tokengate" });
  if (chosen !== undefined) {
    await commands.executeCommand(chosen.command);
  }
}

/** The server shows a key once, in the browser: sessions of editors cannot create keys. */
async function copyKey(server: string): Promise<void> {
  const bases: (QuickPickItem & { readonly url: string })[] = [
    { label: l10n.t("OpenAI-compatible tools"), description: `${server}/v1`, url: `${server}/v1` },
    { label: l10n.t("Claude Code and other Anthropic tools"), description: server, url: server },
  ];
  const placeHolder = l10n.t("Copy the base URL, and create an API key in the browser");
  const chosen = await window.showQuickPick(bases, {
    title: l10n.t("Use Tokengate in another tool"),
    placeHolder,
  });
  if (chosen === undefined) {
    return;
  }
  await env.clipboard.writeText(chosen.url);
  const open = l10n.t("Open the API keys");
  const message = l10n.t(
    "The base URL {0} was copied. Create an API key in the browser, and copy it there.",
    chosen.url,
  );
  if ((await window.showInformationMessage(message, open)) === open) {
    await env.openExternal(Uri.parse(pageUrl(server, "keys")));
  }
}
