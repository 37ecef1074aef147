/**
 * Access tokens that are good: renewed before they expire, once for all callers and windows.
 *
 * A refresh token can be used once. Of several windows that use the same one, the server answers one,
 * and for ten seconds tells the others to read what the first has stored; later use ends the session.
 * So the stored session is read anew before each refresh.
 */
import { l10n } from "vscode";
import { TokengateError } from "../api/errors.ts";
import type { Pair } from "../api/generated/index.ts";
import type { SessionStore, StoredSession } from "./store.ts";

/** Renew when less than this is left. */
const MARGIN = 60_000;
/** How long another window may take to store the tokens that it got. */
const PATIENCE = 8_000;

export interface RenewalOptions {
  readonly store: SessionStore;
  /** Asks the server for the next pair. */
  readonly refresh: (token: string) => Promise<Pair>;
  readonly now?: () => number;
  /** Resolves when the store has changed, or after so many milliseconds. */
  readonly changed?: (store: SessionStore, milliseconds: number) => Promise<void>;
}

export class Renewal {
  readonly #options: Required<RenewalOptions>;
  #running: Promise<StoredSession> | undefined;

  constructor(options: RenewalOptions) {
    this.#options = { now: Date.now, changed, ...options };
  }

  /**
   * A session whose access token is good, by this computer's clock. Raises `TokengateError`:
   * `not_authenticated` when nobody is signed in, `token_revoked` when the session has just ended.
   *
   * `refused`: an access token that the server did not accept, although it has not expired.
   */
  async session(refused?: string): Promise<StoredSession> {
    const stored = await this.#stored();
    return this.#isGood(stored, refused) ? stored : await this.#renew(refused);
  }

  #isGood(session: StoredSession, refused: string | undefined): boolean {
    return session.access !== refused && session.expiresAt - this.#options.now() > MARGIN;
  }

  #renew(refused: string | undefined): Promise<StoredSession> {
    this.#running ??= this.#refresh(refused).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #refresh(refused: string | undefined): Promise<StoredSession> {
    const { store, refresh, now } = this.#options;
    const stored = await this.#stored();
    if (this.#isGood(stored, refused)) {
      return stored;
    }
    try {
      const pair = await refresh(stored.refresh);
      const renewed: StoredSession = {
        id: stored.id,
        account: stored.account,
        access: pair.access,
        refresh: pair.refresh,
        expiresAt: now() + pair.expires_in * 1000,
      };
      await store.set(renewed);
      return renewed;
    } catch (error) {
      return await this.#otherwise(error, stored);
    }
  }

  async #otherwise(error: unknown, used: StoredSession): Promise<StoredSession> {
    if (!(error instanceof TokengateError) || error.status !== 401) {
      throw error;
    }
    const stored = await this.#ofAnotherWindow(used, error.retryable ? PATIENCE : 0);
    if (stored !== undefined) {
      return stored;
    }
    if (error.retryable) {
      throw error;
    }
    await this.#options.store.clear();
    throw sessionEnded(error);
  }

  /** What another window stored after `used`, when that is there within `patience` milliseconds. */
  async #ofAnotherWindow(used: StoredSession, patience: number): Promise<StoredSession | undefined> {
    const { store, now } = this.#options;
    const deadline = now() + patience;
    for (;;) {
      const stored = await this.#stored();
      if (stored.refresh !== used.refresh) {
        return stored;
      }
      const left = deadline - now();
      if (left <= 0) {
        return undefined;
      }
      await this.#options.changed(store, left);
    }
  }

  async #stored(): Promise<StoredSession> {
    const stored = await this.#options.store.get();
    if (stored === undefined) {
      throw new TokengateError(l10n.t("You are not signed in to Tokengate."), {
        code: "not_authenticated",
        status: 401,
        retryable: false,
      });
    }
    return stored;
  }
}

/** Whatever the server's reason (revoked, expired, deleted): the user has to sign in again. */
function sessionEnded(error: TokengateError): TokengateError {
  return new TokengateError(
    l10n.t("Your Tokengate session has ended. Sign in again."),
    { ...error, code: "token_revoked", requestId: error.requestId },
    { cause: error },
  );
}

function changed(store: SessionStore, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      subscription.dispose();
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    const subscription = store.onDidChange(done);
  });
}
