/** Where the session is kept: a secret storage that all windows share. Nowhere else. */
import { type Disposable, type Event, EventEmitter } from "vscode";
import type { SessionInfo } from "../api/client.ts";

export interface StoredSession extends SessionInfo {
  readonly access: string;
  readonly refresh: string;
  /** When the access token expires, in milliseconds since 1970, by this computer's clock. */
  readonly expiresAt: number;
}

/** What the session needs of the editor's secret storage, or of `SharedFiles`. */
export interface Secrets {
  get(key: string): Thenable<string | undefined>;
  store(key: string, value: string): Thenable<void>;
  delete(key: string): Thenable<void>;
  /** Fires also when another window has changed a value. */
  readonly onDidChange: Event<{ readonly key: string }>;
}

/** One session for each server: changing the server's address does not lose the session of the other. */
export class SessionStore {
  readonly #secrets: Secrets;
  readonly #server: () => string;
  readonly #emitter = new EventEmitter<void>();
  readonly #subscription: Disposable;

  /** Fires after every change, also one that another window made. */
  readonly onDidChange = this.#emitter.event;

  constructor(secrets: Secrets, server: () => string) {
    this.#secrets = secrets;
    this.#server = server;
    this.#subscription = secrets.onDidChange(({ key }) => {
      if (key === this.#key()) {
        this.#emitter.fire();
      }
    });
  }

  async get(): Promise<StoredSession | undefined> {
    return parse(await this.#secrets.get(this.#key()));
  }

  async set(session: StoredSession): Promise<void> {
    await this.#secrets.store(this.#key(), JSON.stringify(session));
  }

  async clear(): Promise<void> {
    await this.#secrets.delete(this.#key());
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#emitter.dispose();
  }

  #key(): string {
    return `session ${this.#server()}`;
  }
}

function parse(text: string | undefined): StoredSession | undefined {
  if (text === undefined) {
    return undefined;
  }
  try {
    const value = JSON.parse(text) as Partial<StoredSession>;
    const complete =
      value.id && value.account && value.access && value.refresh && value.expiresAt !== undefined;
    return complete ? (value as StoredSession) : undefined;
  } catch {
    return undefined;
  }
}
