/** "Tokengate" in the editor's Accounts menu, and for other extensions. */
import {
  type AuthenticationProvider,
  type AuthenticationProviderAuthenticationSessionsChangeEvent,
  type AuthenticationSession,
  type Event,
  EventEmitter,
} from "vscode";
import type { HttpClient } from "../api/httpClient.ts";
import type { Renewal } from "../session/renewal.ts";
import type { SessionStore, StoredSession } from "../session/store.ts";
import type { SignIn } from "./signIn.ts";

export const PROVIDER_ID = "tokengate";

export interface ProviderOptions {
  readonly client: HttpClient;
  readonly store: SessionStore;
  readonly renewal: Renewal;
  readonly signIn: SignIn;
  /** Told when the server could not be told of a sign-out. */
  readonly onSignOutError: (error: unknown) => void;
}

export class TokengateAuthentication implements AuthenticationProvider {
  readonly #options: ProviderOptions;
  readonly #emitter = new EventEmitter<AuthenticationProviderAuthenticationSessionsChangeEvent>();
  readonly #subscription: { dispose(): unknown };
  #announced: AuthenticationSession | undefined;

  readonly onDidChangeSessions: Event<AuthenticationProviderAuthenticationSessionsChangeEvent> =
    this.#emitter.event;

  constructor(options: ProviderOptions) {
    this.#options = options;
    this.#subscription = options.client.onDidChangeSession(() => this.#announce());
  }

  /** With an access token that is good now; without asking the server whether it was revoked meanwhile. */
  async getSessions(): Promise<AuthenticationSession[]> {
    const { store, renewal } = this.#options;
    const stored = await store.get();
    if (stored === undefined) {
      return [];
    }
    const current = await renewal.session().catch(() => stored);
    return [sessionOf(current)];
  }

  async createSession(): Promise<AuthenticationSession> {
    return sessionOf(await this.#options.signIn.run());
  }

  async removeSession(): Promise<void> {
    await this.#options.client.signOut().catch(this.#options.onSignOutError);
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#emitter.dispose();
  }

  async #announce(): Promise<void> {
    const stored = await this.#options.store.get();
    const removed = this.#announced;
    const added = stored && sessionOf(stored);
    this.#announced = added;
    this.#emitter.fire({
      added: added === undefined ? [] : [added],
      removed: removed === undefined ? [] : [removed],
      changed: [],
    });
  }
}

function sessionOf(stored: StoredSession): AuthenticationSession {
  return { id: stored.id, accessToken: stored.access, account: stored.account, scopes: [] };
}
