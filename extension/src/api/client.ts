/**
 * The one way to the server: everything above calls these methods, and sees `TokengateError` only.
 *
 * Every method signs in with the stored session, refreshes it when needed (once for all callers and
 * windows), and can be aborted by a signal, which rejects with the signal's reason. Methods without a
 * side effect are repeated where the server says that this can help; others never are.
 */
import type { Event } from "vscode";
import type {
  ApiKey,
  Balance,
  Consumed,
  ConsumeRequest,
  LimitsNow,
  Me,
  Model,
  Receipt,
  Subscription,
  UsagePage,
  UsageSums,
} from "./generated/index.ts";

/** Who is signed in. */
export interface SessionInfo {
  /** Changes with every sign-in. */
  readonly id: string;
  readonly account: { readonly id: string; readonly label: string };
}

/** A request to a model has ended: its charge is known, or will be shortly. */
export interface FinishedRequest {
  readonly requestId: string | undefined;
  readonly path: string;
  /** False if the client stopped it, or it broke off: then the charge may follow seconds later. */
  readonly complete: boolean;
}

export interface StreamOptions {
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface UsageQuery {
  readonly from?: string;
  readonly to?: string;
  readonly session?: string;
  readonly limit?: number;
}

export type UsageGroup = "day" | "model" | "session";

export interface TokengateClient {
  /** The server's address, without a slash at its end. */
  readonly baseUrl: string;

  /** Undefined when nobody is signed in. Does not ask the server. */
  getSession(): Promise<SessionInfo | undefined>;

  /** Fires with the new session, and with undefined when it ends, also in another window. */
  readonly onDidChangeSession: Event<SessionInfo | undefined>;

  /** Fires after each request made with `stream`, when its body has ended or was cancelled. */
  readonly onDidFinishRequest: Event<FinishedRequest>;

  /** Sent as `x-session-id` with each request of `stream`: usage can be summed by it. */
  readonly windowSession: string;

  /**
   * POST to the proxy: `path` such as `/api/llm/chat/completions`. Resolves when the response's head is
   * there, with a successful response whose body nobody has read. Anything else is a `TokengateError`.
   * Cancel the body, or abort the signal, to stop the model: what was streamed is charged.
   * A refused request is repeated only after the session was refreshed (401 `invalid_token`).
   */
  stream(path: string, body: unknown, options?: StreamOptions): Promise<Response>;

  me(signal?: AbortSignal): Promise<Me>;
  balance(signal?: AbortSignal): Promise<Balance>;
  limits(signal?: AbortSignal): Promise<LimitsNow>;
  subscription(signal?: AbortSignal): Promise<Subscription>;
  /** The models of the user's plan, or all. */
  models(options?: { all?: boolean; signal?: AbortSignal }): Promise<Model[]>;
  usage(query: UsageQuery, signal?: AbortSignal): Promise<UsagePage>;
  usageBy(group: UsageGroup, query: UsageQuery, signal?: AbortSignal): Promise<UsageSums>;
  receipt(requestId: string, signal?: AbortSignal): Promise<Receipt>;
  apiKeys(signal?: AbortSignal): Promise<ApiKey[]>;
  /** The server's estimate for an Anthropic-style request; nothing is charged. */
  countTokens(model: string, messages: Record<string, unknown>[], signal?: AbortSignal): Promise<number>;
  /** Report usage at another provider. The same key has no further effect: safe to repeat. */
  consume(request: ConsumeRequest, idempotencyKey: string, signal?: AbortSignal): Promise<Consumed>;
}
