/** The editor's secret storage, and a signed-in session in it. */
import type { SecretStorage } from "vscode";
import type { StoredSession } from "../../src/session/store.ts";
import { EventEmitter } from "../vscode/stub.ts";

/** One storage for all windows that are given it: what one stores, the others see. */
export class Secrets implements SecretStorage {
  readonly values = new Map<string, string>();
  readonly #emitter = new EventEmitter<{ key: string }>();
  readonly onDidChange = this.#emitter.event as SecretStorage["onDidChange"];

  async keys(): Promise<string[]> {
    return [...this.values.keys()];
  }

  async get(key: string): Promise<string | undefined> {
    return this.values.get(key);
  }

  async store(key: string, value: string): Promise<void> {
    this.values.set(key, value);
    this.#emitter.fire({ key });
  }

  async delete(key: string): Promise<void> {
    this.values.delete(key);
    this.#emitter.fire({ key });
  }
}

export function session(changes: Partial<StoredSession> = {}): StoredSession {
  return {
    id: "session-1",
    account: { id: "7", label: "ada@example.com" },
    access: "access-1",
    refresh: "refresh-1",
    expiresAt: Date.now() + 900_000,
    ...changes,
  };
}

export function pair(number: number): {
  access: string;
  refresh: string;
  expires_in: number;
  token_type: string;
} {
  return { access: `access-${number}`, refresh: `refresh-${number}`, expires_in: 900, token_type: "Bearer" };
}
