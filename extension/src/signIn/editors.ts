/** The editors that the server knows, and how each can sign in. */

/** By URI scheme, which is also the OAuth client's id. `manage.py seed_clients` registers the same. */
const KNOWN = ["vscode", "vscode-insiders", "vscodium", "cursor", "windsurf", "code-oss"];

/** For any other editor: it can use the device grant only. */
const OTHER = "editor";

export type Method = "redirect" | "code";

export interface Surroundings {
  readonly uriScheme: string;
  /** The editor runs in a browser. */
  readonly web: boolean;
  /** The extension runs on another computer than the editor's window. */
  readonly remote: boolean;
  readonly setting: "auto" | Method;
}

export function clientId(uriScheme: string): string {
  return KNOWN.includes(uriScheme) ? uriScheme : OTHER;
}

/** `code` where a redirect from the browser cannot reach this extension. */
export function methodFor({ uriScheme, web, remote, setting }: Surroundings): Method {
  if (setting !== "auto") {
    return setting;
  }
  return web || remote || clientId(uriScheme) === OTHER ? "code" : "redirect";
}
