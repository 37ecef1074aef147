/** The dialogue of a sign-in: by redirect, or by code where that is the only way or the user wants it. */
import { CancellationError, env, l10n, ProgressLocation, Uri, window } from "vscode";
import type { SessionStore, StoredSession } from "../session/store.ts";
import { signInWithCode } from "./deviceGrant.ts";
import type { Method } from "./editors.ts";
import type { DeviceCode, OAuth } from "./oauth.ts";
import type { RedirectSignIn } from "./redirect.ts";

export interface SignInOptions {
  readonly oauth: OAuth;
  readonly redirect: RedirectSignIn;
  readonly store: SessionStore;
  readonly method: () => Method;
}

/** After so long without an answer of the browser, signing in with a code is offered. */
const PATIENCE = 90_000;

export class SignIn {
  readonly #options: SignInOptions;
  #running: Promise<StoredSession> | undefined;

  constructor(options: SignInOptions) {
    this.#options = options;
  }

  /** The new session, which is stored. Raises `CancellationError` when the user gives up. */
  run(): Promise<StoredSession> {
    this.#running ??= this.#start().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #start(): Promise<StoredSession> {
    return this.#options.method() === "redirect" ? await this.#byRedirect() : await this.#byCode();
  }

  async #byRedirect(): Promise<StoredSession> {
    const { redirect } = this.#options;
    const session = (await redirect.begin()) ? await this.#waitForBrowser() : undefined;
    if (session !== undefined) {
      return session;
    }
    await redirect.abandon();
    const useCode = l10n.t("Sign in with a code");
    const answer = await window.showWarningMessage(
      l10n.t("The browser has not returned to the editor. You can sign in with a code instead."),
      useCode,
    );
    if (answer !== useCode) {
      throw new CancellationError();
    }
    return await this.#byCode();
  }

  /** The session that the redirect brings, in whichever window. Undefined: cancelled, or it takes too long. */
  async #waitForBrowser(): Promise<StoredSession | undefined> {
    const title = l10n.t("Signing in to Tokengate: continue in your browser.");
    const { store } = this.#options;
    const before = (await store.get())?.id;
    return await withCancel(title, (signal) => {
      const expired = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
      return new Promise((resolve) => {
        const end = (session: StoredSession | undefined): void => {
          subscription.dispose();
          resolve(session);
        };
        const subscription = store.onDidChange(async () => {
          const session = await store.get();
          if (session !== undefined && session.id !== before) {
            end(session);
          }
        });
        expired.addEventListener("abort", () => end(undefined), { once: true });
      });
    });
  }

  async #byCode(): Promise<StoredSession> {
    const { oauth, store } = this.#options;
    const title = l10n.t("Signing in to Tokengate: confirm the code in your browser.");
    const session = await withCancel(title, (signal) => signInWithCode({ oauth, signal, show: showCode }));
    await store.set(session);
    return session;
  }
}

async function showCode(code: DeviceCode): Promise<void> {
  const open = l10n.t("Copy code and open browser");
  const answer = await window.showInformationMessage(
    l10n.t("Your code: {0}", code.userCode),
    {
      modal: true,
      detail: l10n.t(
        "Confirm in the browser that it shows the same code. On another device, open {0} and enter it.",
        code.verificationUri,
      ),
    },
    open,
  );
  if (answer !== open) {
    throw new CancellationError();
  }
  await env.clipboard.writeText(code.userCode);
  await env.openExternal(Uri.parse(code.verificationUriComplete));
}

/** Run with a notification that has a cancel button, which aborts the signal with a `CancellationError`. */
async function withCancel<T>(title: string, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const options = { location: ProgressLocation.Notification, title, cancellable: true };
  return await window.withProgress(options, async (_, token) => {
    const controller = new AbortController();
    const subscription = token.onCancellationRequested(() => controller.abort(new CancellationError()));
    try {
      return await task(controller.signal);
    } finally {
      subscription.dispose();
    }
  });
}
