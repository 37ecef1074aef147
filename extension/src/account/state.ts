/** What is known about the account: read at the right moments, once for all that show it. */
import { type Event, EventEmitter } from "vscode";
import type { FinishedRequest, SessionInfo, TokengateClient } from "../api/client.ts";
import { TokengateError } from "../api/errors.ts";
import type { Me, UsageSum } from "../api/generated/index.ts";

export interface Snapshot {
  readonly me: Me;
  /** Tokens charged today (UTC), and for requests of this window. */
  readonly spentToday: number;
  readonly spentHere: number;
}

export type AccountState =
  | { readonly kind: "signedOut" }
  | { readonly kind: "loading" }
  /** `error`: the last attempt failed, and `snapshot` is what was known before. */
  | { readonly kind: "known"; readonly snapshot: Snapshot; readonly error?: TokengateError }
  | { readonly kind: "unknown"; readonly error: TokengateError };

/** Several requests that end together are one reason to ask. */
const GATHER = 250;
/** An answer that was broken off is charged seconds later. */
const SETTLES_AFTER = 3_000;
/** While tokens are reserved, for requests that run or are not charged yet. */
const WHILE_RESERVED = 10_000;
const EVERY = 5 * 60_000;
const STALE = 60_000;
const FIRST_RETRY = 5_000;
const LONGEST_RETRY = 60_000;

export class Account {
  readonly #client: TokengateClient;
  readonly #emitter = new EventEmitter<AccountState>();
  readonly #subscriptions: { dispose(): unknown }[];
  #state: AccountState = { kind: "signedOut" };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = Number.POSITIVE_INFINITY;
  #running: AbortController | undefined;
  #failures = 0;
  #readAt = 0;

  readonly onDidChange: Event<AccountState> = this.#emitter.event;

  constructor(client: TokengateClient) {
    this.#client = client;
    this.#subscriptions = [
      client.onDidChangeSession((session) => this.#sessionChanged(session)),
      client.onDidFinishRequest((request) => this.#requestFinished(request)),
    ];
  }

  get state(): AccountState {
    return this.#state;
  }

  /** Ask the server now. */
  async refresh(): Promise<void> {
    this.#cancelTimer();
    this.#running?.abort();
    const controller = new AbortController();
    this.#running = controller;
    const next = await this.#read(controller.signal);
    if (controller.signal.aborted) {
      return; // by a later call, or the session's end
    }
    this.#running = undefined;
    this.#readAt = Date.now();
    this.#set(next);
    this.#planNext(next);
  }

  /** The user looks at the editor again: what was read more than a minute ago may have changed. */
  refreshIfOlder(): void {
    if (Date.now() - this.#readAt > STALE) {
      this.#refreshAfter(0);
    }
  }

  dispose(): void {
    this.#cancelTimer();
    this.#running?.abort();
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
    this.#emitter.dispose();
  }

  #sessionChanged(session: SessionInfo | undefined): void {
    this.#cancelTimer();
    this.#running?.abort();
    if (session === undefined) {
      this.#set({ kind: "signedOut" });
    } else {
      this.#set({ kind: "loading" });
      void this.refresh();
    }
  }

  #requestFinished(request: FinishedRequest): void {
    this.#refreshAfter(request.complete ? GATHER : SETTLES_AFTER);
  }

  async #read(signal: AbortSignal): Promise<AccountState> {
    try {
      return { kind: "known", snapshot: await readSnapshot(this.#client, signal) };
    } catch (error) {
      return afterFailure(this.#state, error);
    }
  }

  #planNext(state: AccountState): void {
    if (state.kind === "signedOut") {
      return;
    }
    const failed = state.kind === "unknown" || (state.kind === "known" && state.error !== undefined);
    this.#failures = failed ? this.#failures + 1 : 0;
    const retry = Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** (this.#failures - 1));
    const reserved = state.kind === "known" && state.snapshot.me.balance.reserved > 0;
    this.#refreshAfter(failed ? retry : reserved ? WHILE_RESERVED : EVERY);
  }

  /** Refresh then, unless it is due earlier. */
  #refreshAfter(milliseconds: number): void {
    const due = Date.now() + milliseconds;
    if (this.#state.kind === "signedOut" || due >= this.#due) {
      return;
    }
    this.#cancelTimer();
    this.#due = due;
    this.#timer = setTimeout(() => void this.refresh(), milliseconds);
  }

  #cancelTimer(): void {
    clearTimeout(this.#timer);
    this.#due = Number.POSITIVE_INFINITY;
  }

  #set(state: AccountState): void {
    this.#state = state;
    this.#emitter.fire(state);
  }
}

async function readSnapshot(client: TokengateClient, signal: AbortSignal): Promise<Snapshot> {
  const today = new Date().toISOString().slice(0, 10);
  const [me, day, here] = await Promise.all([
    client.me(signal),
    client.usageBy("day", { from: today }, signal),
    client.usageBy("session", { session: client.windowSession, from: today }, signal),
  ]);
  return { me, spentToday: charged(day.results), spentHere: charged(here.results) };
}

function charged(sums: readonly UsageSum[]): number {
  return sums.reduce((total, sum) => total + sum.charged, 0);
}

function afterFailure(before: AccountState, error: unknown): AccountState {
  const failure = error instanceof TokengateError ? error : unexpected(error);
  if (failure.needsSignIn) {
    return { kind: "signedOut" };
  }
  return before.kind === "known"
    ? { kind: "known", snapshot: before.snapshot, error: failure }
    : { kind: "unknown", error: failure };
}

function unexpected(error: unknown): TokengateError {
  const message = error instanceof Error ? error.message : String(error);
  return new TokengateError(message, { code: "unexpected", status: 0, retryable: false }, { cause: error });
}
