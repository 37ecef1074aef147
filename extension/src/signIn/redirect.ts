/**
 * Sign-in by a redirect from the browser: `vscode://tokengate.tokengate/auth/callback?code=…&state=…`.
 *
 * The operating system gives the address to the window that was last used, which may not be the one where
 * the sign-in began. So what is needed to finish it is in the secret storage, and any window finishes it.
 * The window that waits sees the stored session.
 */
import { l10n, type SecretStorage, type Uri, type UriHandler } from "vscode";
import { TokengateError } from "../api/errors.ts";
import type { SessionStore } from "../session/store.ts";
import type { OAuth } from "./oauth.ts";
import { newPkce, randomText } from "./pkce.ts";

interface Pending {
  readonly server: string;
  readonly state: string;
  readonly verifier: string;
  readonly redirectUri: string;
  readonly until: number;
}

const KEY = "pendingSignIn";
const LIFETIME = 10 * 60_000;

export interface RedirectOptions {
  readonly secrets: SecretStorage;
  readonly store: SessionStore;
  readonly oauth: OAuth;
  readonly server: () => string;
  readonly redirectUri: string;
  readonly open: (url: string) => Promise<boolean>;
  /** Told when an address of the browser could not be used. */
  readonly onError: (error: unknown) => void;
  readonly now?: () => number;
}

export class RedirectSignIn implements UriHandler {
  readonly #options: RedirectOptions;
  readonly #now: () => number;

  constructor(options: RedirectOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Open the browser. False: it could not be opened. */
  async begin(): Promise<boolean> {
    const { secrets, server, redirectUri, oauth, open } = this.#options;
    const { verifier, challenge } = await newPkce();
    const state = randomText();
    const pending: Pending = {
      server: server(),
      state,
      verifier,
      redirectUri,
      until: this.#now() + LIFETIME,
    };
    await secrets.store(KEY, JSON.stringify(pending));
    return await open(oauth.authorizeUrl({ redirectUri, state, challenge }));
  }

  /** Forget a sign-in that was given up: its code is not accepted any more. */
  async abandon(): Promise<void> {
    await this.#options.secrets.delete(KEY);
  }

  async handleUri(uri: Uri): Promise<void> {
    try {
      await this.#finish(uri);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  async #finish(uri: Uri): Promise<void> {
    if (uri.path !== "/auth/callback") {
      return;
    }
    const answer = new URLSearchParams(uri.query);
    const pending = await this.#take(answer.get("state"));
    if (pending === undefined) {
      throw failed(l10n.t("This sign-in was not started here, or took too long. Start it again."));
    }
    const code = answer.get("code");
    if (code === null) {
      throw failed(refusal(answer));
    }
    const { oauth, store } = this.#options;
    const { verifier, redirectUri } = pending;
    const accessToken = await oauth.redeemCode({ code, verifier, redirectUri });
    await store.set(await oauth.exchange(accessToken));
  }

  /** The pending sign-in with this state. It is used up. */
  async #take(state: string | null): Promise<Pending | undefined> {
    const { secrets, server } = this.#options;
    const stored = await secrets.get(KEY);
    const pending = stored === undefined ? undefined : (JSON.parse(stored) as Pending);
    if (pending === undefined || state === null || pending.state !== state) {
      return undefined; // and the one that is pending stays: anybody can open such an address
    }
    await secrets.delete(KEY);
    return pending.server === server() && this.#now() < pending.until ? pending : undefined;
  }
}

function refusal(answer: URLSearchParams): string {
  return answer.get("error") === "access_denied"
    ? l10n.t("The sign-in was refused in the browser.")
    : (answer.get("error_description") ??
        l10n.t("The browser returned without a code. Start the sign-in again."));
}

function failed(message: string): TokengateError {
  return new TokengateError(message, { code: "sign_in_failed", status: 0, retryable: false });
}
