/** The server's address: `tokengate.serverUrl`, checked. */
import { l10n } from "vscode";
import { TokengateError } from "./errors.ts";

/** The address without a slash at its end. Raises `TokengateError` (`invalid_server_url`). */
export function serverAddress(setting: string): string {
  const url = parse(setting.trim());
  if (url === undefined || url.search !== "" || url.hash !== "" || url.username !== "") {
    throw invalid(l10n.t("The setting tokengate.serverUrl is not the address of a server: {0}", setting));
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.hostname))) {
    throw invalid(
      l10n.t(
        "The setting tokengate.serverUrl must begin with https://. Only this computer itself can be reached with http://: {0}",
        setting,
      ),
    );
  }
  return url.href.replace(/\/+$/, "");
}

function parse(setting: string): URL | undefined {
  try {
    return new URL(setting);
  } catch {
    return undefined;
  }
}

/** `URL` writes every form of an IPv4 address with four decimal numbers. */
function isLoopback(host: string): boolean {
  return (
    host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(\.\d+){3}$/.test(host)
  );
}

function invalid(message: string): TokengateError {
  return new TokengateError(message, { code: "invalid_server_url", status: 0, retryable: false });
}
