/** "Diagnose problems": one text to paste into a report. It has no tokens, prompts or email addresses. */
import { commands, type Disposable, env, l10n, ProgressLocation, version, window, workspace } from "vscode";
import type { AccountState } from "../account/state.ts";
import type { TokengateClient } from "../api/client.ts";
import { TokengateError } from "../api/errors.ts";

export interface DiagnoseOptions {
  readonly client: TokengateClient;
  readonly extensionVersion: string;
  readonly state: () => AccountState;
  readonly failures: () => readonly Failure[];
}

/** A request that failed since the editor was started. */
export interface Failure {
  readonly at: Date;
  readonly path: string;
  readonly error: TokengateError;
}

export function registerDiagnose(options: DiagnoseOptions): Disposable {
  return commands.registerCommand("tokengate.diagnose", async () => {
    const title = l10n.t("Checking the connection to Tokengate");
    const content = await window.withProgress({ location: ProgressLocation.Notification, title }, () =>
      diagnose(options),
    );
    const document = await workspace.openTextDocument({ content, language: "plaintext" });
    await window.showTextDocument(document);
    const copy = l10n.t("Copy");
    const message = l10n.t("The report contains no tokens, prompts or email addresses.");
    if ((await window.showInformationMessage(message, copy)) === copy) {
      await env.clipboard.writeText(content);
    }
  });
}

async function diagnose(options: DiagnoseOptions): Promise<string> {
  const sections: [string, string[]][] = [
    ["Versions", versions(options.extensionVersion)],
    ["Server", await server(options.client)],
    ["Account", await account(options)],
    ["Network settings", network()],
    ["Recent failures", failures(options.failures())],
  ];
  const parts = sections.map(([title, lines]) => `${title}\n${lines.map((line) => `  ${line}\n`).join("")}`);
  return [`Tokengate report, ${new Date().toISOString()}\n`, ...parts].join("\n");
}

function versions(extension: string): string[] {
  return [
    `Tokengate ${extension}`,
    `${env.appName} ${version} (${env.uriScheme}, ${env.appHost}${env.remoteName ? `, ${env.remoteName}` : ""})`,
    `Node ${process.versions.node}, ${process.platform} ${process.arch}`,
    `Language ${env.language}, workspace ${workspace.isTrusted ? "trusted" : "not trusted"}`,
  ];
}

async function server(client: TokengateClient): Promise<string[]> {
  try {
    const { baseUrl } = client;
    return [baseUrl, ...(await probe(`${baseUrl}/api/health/ready`))];
  } catch (error) {
    return [describe(error)];
  }
}

/** How long the server takes, whether it is ready, and how far this computer's clock is from its own. */
async function probe(url: string): Promise<string[]> {
  const begun = Date.now();
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  const ended = Date.now();
  const lines = [`GET /api/health/ready: ${response.status} in ${ended - begun} ms`];
  if (!response.ok) {
    lines.push((await response.text()).slice(0, 500));
  }
  const date = response.headers.get("date");
  if (date !== null) {
    const skew = Math.round((begun + ended) / 2 - Date.parse(date)) / 1000;
    const off = Math.abs(skew) > 60 ? " (set this computer's clock: sign-in depends on it)" : "";
    lines.push(`Clock: ${skew.toFixed(0)} s ahead of the server's${off}`);
  }
  return lines;
}

async function account({ client, state }: DiagnoseOptions): Promise<string[]> {
  const session = await client.getSession();
  if (session === undefined) {
    return ["Signed out"];
  }
  try {
    const [me, models] = await Promise.all([client.me(), client.models()]);
    const { available, reserved, period_end: end } = me.balance;
    return [
      `Signed in (user ${me.user.id}), plan ${me.plan.name}, ${models.length} models`,
      `${available} tokens available, ${reserved} reserved, period ends ${end}`,
      `Status bar: ${state().kind}`,
    ];
  } catch (error) {
    return ["Signed in", describe(error)];
  }
}

function network(): string[] {
  const http = workspace.getConfiguration("http");
  const names = ["proxySupport", "proxyStrictSSL", "systemCertificates", "fetchAdditionalSupport"];
  const settings = names.map((name) => `http.${name}: ${JSON.stringify(http.get(name))}`);
  const proxy = http.get<string>("proxy");
  const variables = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS"].filter(
    (name) => process.env[name] ?? process.env[name.toLowerCase()],
  );
  return [
    `http.proxy: ${proxy ? withoutPassword(proxy) : "not set"}`,
    ...settings,
    `Environment: ${variables.join(", ") || "no proxy variables"}`,
  ];
}

function withoutPassword(proxy: string): string {
  return proxy.replace(/\/\/[^@/]*@/, "//…@");
}

function failures(list: readonly Failure[]): string[] {
  return list.length === 0
    ? ["none"]
    : list.map(
        ({ at, path, error }) =>
          `${at.toISOString()} ${path}: ${error.status} ${error.code} (${error.requestId ?? "no id"})`,
      );
}

function describe(error: unknown): string {
  return error instanceof TokengateError ? `${error.code}: ${error.describe()}` : String(error);
}
