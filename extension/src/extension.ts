/** What the editor calls: puts the parts together. Nothing is asked of the network before it returns. */
import {
  authentication,
  commands,
  type ExtensionContext,
  ExtensionKind,
  version as editorVersion,
  env,
  type LogOutputChannel,
  UIKind,
  Uri,
  window,
  workspace,
} from "vscode";
import { Format } from "./account/format.ts";
import { registerReceipts } from "./account/receipt.ts";
import { Account } from "./account/state.ts";
import { registerStatusBar } from "./account/statusBar.ts";
import { registerTree } from "./account/tree.ts";
import { registerWarnings } from "./account/warnings.ts";
import { HttpClient } from "./api/httpClient.ts";
import { serverAddress } from "./api/serverAddress.ts";
import { Transport } from "./api/transport.ts";
import { registerChat } from "./chat/index.ts";
import { registerAccountCommands } from "./commands/accountCommands.ts";
import { type Failure, registerDiagnose } from "./commands/diagnose.ts";
import { registerCompletions } from "./completions/index.ts";
import type { Services } from "./services.ts";
import { Renewal } from "./session/renewal.ts";
import { SharedFiles } from "./session/sharedFiles.ts";
import { type Secrets, SessionStore } from "./session/store.ts";
import { clientId, type Method, methodFor } from "./signIn/editors.ts";
import { isAnswerToPoll, OAuth } from "./signIn/oauth.ts";
import { PROVIDER_ID, TokengateAuthentication } from "./signIn/provider.ts";
import { RedirectSignIn } from "./signIn/redirect.ts";
import { SignIn } from "./signIn/signIn.ts";
import { errorPresenter } from "./ui/errors.ts";
import type { TokengateApi } from "./usageReporting/api.ts";
import { registerUsageReporting } from "./usageReporting/index.ts";

export function activate(context: ExtensionContext): TokengateApi {
  const begun = performance.now();
  const log = window.createOutputChannel("Tokengate", { log: true });
  const format = new Format(env.language);
  const showError = errorPresenter(format);
  const failures: Failure[] = [];
  const { client, store, provider, redirect } = connect(context, log, failures, showError);
  const account = new Account(client);
  const services: Services = { context, client, log, showError };
  const usageReporting = registerUsageReporting(services);
  context.subscriptions.push(
    log,
    store,
    client,
    provider,
    account,
    window.registerUriHandler(redirect),
    authentication.registerAuthenticationProvider(PROVIDER_ID, "Tokengate", provider),
    registerStatusBar(account, format),
    registerTree(account, client, format),
    registerWarnings(account, client, context.globalState, format),
    registerReceipts(client, format),
    ...registerAccountCommands({ client, account, provider, showError }),
    registerDiagnose({
      client,
      extensionVersion: versionOf(context),
      state: () => account.state,
      failures: () => failures,
    }),
    workspace.onDidChangeConfiguration(async (event) => {
      if (event.affectsConfiguration("tokengate.serverUrl")) {
        await client.announceSession();
      }
    }),
    window.onDidChangeWindowState(({ focused }) => {
      if (focused) {
        account.refreshIfOlder();
      }
    }),
    client.onDidEndSession(showError),
    client.onDidChangeSession((session) => {
      void commands.executeCommand("setContext", "tokengate.signedIn", session !== undefined);
    }),
    registerChat(services),
    registerCompletions(services),
    usageReporting,
  );
  log.info(`Tokengate ${versionOf(context)} was activated in ${(performance.now() - begun).toFixed(0)} ms.`);
  void client.announceSession();
  return usageReporting.api;
}

/** The client and its session. */
function connect(
  context: ExtensionContext,
  log: LogOutputChannel,
  failures: Failure[],
  showError: (error: unknown) => void,
): { client: HttpClient; store: SessionStore; provider: TokengateAuthentication; redirect: RedirectSignIn } {
  const setting = (): string => workspace.getConfiguration("tokengate").get("serverUrl", "");
  const server = (): string => serverAddress(setting());
  const headers = {
    "Accept-Language": env.language,
    "User-Agent": `Tokengate/${versionOf(context)} ${env.appName}/${editorVersion} (${process.platform})`,
  };
  const transport = new Transport({
    onFailure: (error, { method, url }) => {
      if (isAnswerToPoll(error.code)) {
        return;
      }
      const path = new URL(url).pathname;
      log.warn(`${method} ${path}: ${error.code}, ${error.describe()}`);
      failures.push({ at: new Date(), path, error });
      failures.splice(0, failures.length - 20);
    },
  });
  const oauth = new OAuth({ server, clientId: clientId(env.uriScheme), transport, headers });
  const store = new SessionStore(sharedSecrets(context), setting);
  const renewal = new Renewal({ store, refresh: (token) => oauth.refresh(token) });
  const client = new HttpClient({ server, transport, store, renewal, headers });
  const redirect = new RedirectSignIn({
    secrets: context.secrets,
    store,
    oauth,
    server,
    redirectUri: `${env.uriScheme}://${context.extension.id}/auth/callback`,
    open: async (url) => await env.openExternal(Uri.parse(url, true)),
    onError: showError,
  });
  const signIn = new SignIn({ oauth, redirect, store, method: () => signInMethod(context) });
  const provider = new TokengateAuthentication({ client, store, renewal, signIn, onSignOutError: showError });
  return { client, store, provider, redirect };
}

/** Secrets that all windows share: in a browser, the editor's own are not seen by other tabs. */
function sharedSecrets(context: ExtensionContext): Secrets {
  if (env.uiKind !== UIKind.Web) {
    return context.secrets;
  }
  const files = new SharedFiles(Uri.joinPath(context.globalStorageUri, "session").fsPath, context.secrets);
  context.subscriptions.push(files);
  return files;
}

function signInMethod(context: ExtensionContext): Method {
  return methodFor({
    uriScheme: env.uriScheme,
    web: env.uiKind === UIKind.Web,
    remote: env.remoteName !== undefined && context.extension.extensionKind === ExtensionKind.Workspace,
    setting: workspace.getConfiguration("tokengate").get("signInMethod", "auto"),
  });
}

function versionOf(context: ExtensionContext): string {
  return String(context.extension.packageJSON.version);
}
