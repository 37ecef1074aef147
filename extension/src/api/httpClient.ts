/** `TokengateClient` over HTTP: the generated operations, with the session and the transport. */
import { type Event, EventEmitter, l10n } from "vscode";
import type { Renewal } from "../session/renewal.ts";
import type { SessionStore } from "../session/store.ts";
import type {
  FinishedRequest,
  SessionInfo,
  StreamOptions,
  TokengateClient,
  UsageGroup,
  UsageQuery,
} from "./client.ts";
import { TokengateError } from "./errors.ts";
import { createClient, createConfig } from "./generated/client/index.ts";
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
  UsageAnswer,
  UsagePage,
  UsageSums,
} from "./generated/index.ts";
import * as operations from "./generated/index.ts";
import type { Exchange, Transport } from "./transport.ts";
import { watchBody } from "./watchedBody.ts";

export interface HttpClientOptions {
  /** Raises `TokengateError` when the setting is no valid address. */
  readonly server: () => string;
  readonly transport: Transport;
  readonly store: SessionStore;
  readonly renewal: Renewal;
  /** Headers of every request: who asks, and in which language. */
  readonly headers: Readonly<Record<string, string>>;
}

const READ_TIMEOUT = 30_000;
/** The server begins its answers after 75 seconds at the latest. */
const MODEL_TIMEOUT = 120_000;

export class HttpClient implements TokengateClient {
  readonly windowSession = crypto.randomUUID();
  readonly #options: HttpClientOptions;
  readonly #sessionChanged = new EventEmitter<SessionInfo | undefined>();
  readonly #requestFinished = new EventEmitter<FinishedRequest>();
  readonly #sessionEnded = new EventEmitter<TokengateError>();
  readonly #subscription: { dispose(): unknown };
  #known: string | undefined;

  readonly onDidChangeSession: Event<SessionInfo | undefined> = this.#sessionChanged.event;
  readonly onDidFinishRequest: Event<FinishedRequest> = this.#requestFinished.event;
  /** Fires when the server has ended the session: the user did not sign out here. */
  readonly onDidEndSession: Event<TokengateError> = this.#sessionEnded.event;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#subscription = options.store.onDidChange(() => this.announceSession());
  }

  get baseUrl(): string {
    return this.#options.server();
  }

  /** Tell the listeners if another session is stored now, or none. Renewed tokens are no other session. */
  async announceSession(): Promise<void> {
    const session = await this.getSession();
    if (session?.id !== this.#known) {
      this.#known = session?.id;
      this.#sessionChanged.fire(session);
    }
  }

  async getSession(): Promise<SessionInfo | undefined> {
    const stored = await this.#options.store.get();
    return stored && { id: stored.id, account: stored.account };
  }

  async stream(path: string, body: unknown, options: StreamOptions = {}): Promise<Response> {
    const headers = new Headers({ ...options.headers, "Content-Type": "application/json" });
    headers.set("x-session-id", this.windowSession);
    const { signal } = options;
    const response = await this.#send({
      method: "POST",
      url: `${this.baseUrl}${path}`,
      headers,
      body: JSON.stringify(body),
      signal,
      repeatable: false,
      timeout: MODEL_TIMEOUT,
    });
    const requestId = response.headers.get("x-request-id") ?? undefined;
    return watchBody(response, signal, (complete) =>
      this.#requestFinished.fire({ requestId, path, complete }),
    );
  }

  me(signal?: AbortSignal): Promise<Me> {
    return this.#read(operations.authMeRetrieve, {}, signal);
  }

  balance(signal?: AbortSignal): Promise<Balance> {
    return this.#read(operations.tokensBalanceRetrieve, {}, signal);
  }

  limits(signal?: AbortSignal): Promise<LimitsNow> {
    return this.#read(operations.tokensLimitsRetrieve, {}, signal);
  }

  subscription(signal?: AbortSignal): Promise<Subscription> {
    return this.#read(operations.subscriptionsCurrentRetrieve, {}, signal);
  }

  async models(options: { all?: boolean; signal?: AbortSignal } = {}): Promise<Model[]> {
    const query = options.all ? { all: "1" as const } : {};
    const list = await this.#read(operations.modelsList, { query }, options.signal);
    return list.data;
  }

  async usage(query: UsageQuery, signal?: AbortSignal): Promise<UsagePage> {
    const answer: UsageAnswer = await this.#read(operations.usage, { query: { ...query } }, signal);
    return answer as UsagePage;
  }

  async usageBy(group: UsageGroup, query: UsageQuery, signal?: AbortSignal): Promise<UsageSums> {
    const answer = await this.#read(operations.usage, { query: { ...query, group_by: group } }, signal);
    return answer as UsageSums;
  }

  receipt(requestId: string, signal?: AbortSignal): Promise<Receipt> {
    return this.#read(operations.tokensUsageRetrieve, { path: { request_id: requestId } }, signal);
  }

  apiKeys(signal?: AbortSignal): Promise<ApiKey[]> {
    return this.#read(operations.apiKeys, {}, signal);
  }

  async countTokens(
    model: string,
    messages: Record<string, unknown>[],
    signal?: AbortSignal,
  ): Promise<number> {
    const count = await this.#read(operations.messagesCountTokens, { body: { model, messages } }, signal);
    return count.input_tokens;
  }

  consume(request: ConsumeRequest, idempotencyKey: string, signal?: AbortSignal): Promise<Consumed> {
    // The key is the receipt's id, too: a report whose answer was lost can be looked up.
    const headers = { "Idempotency-Key": idempotencyKey, "X-Request-ID": idempotencyKey };
    return this.#read(operations.consumeTokens, { body: request, headers }, signal);
  }

  /** End the session at the server, and forget it here in any case. Raises what the server said. */
  async signOut(): Promise<void> {
    try {
      await this.#call(operations.logout, { body: {} }, undefined, false);
    } catch (error) {
      if (!(error instanceof TokengateError && error.status === 401)) {
        throw error;
      }
    } finally {
      await this.#options.store.clear();
    }
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#sessionChanged.dispose();
    this.#requestFinished.dispose();
    this.#sessionEnded.dispose();
  }

  #read<Options, Data>(
    operation: Operation<Options, Data>,
    options: Options,
    signal?: AbortSignal,
  ): Promise<Data> {
    return this.#call(operation, options, signal, true);
  }

  /** Run a generated operation with our `fetch`, which raises every failure itself. */
  async #call<Options, Data>(
    operation: Operation<Options, Data>,
    options: Options,
    signal: AbortSignal | undefined,
    repeatable: boolean,
  ): Promise<Data> {
    const fetch = async (request: Request): Promise<Response> => {
      const body = request.body === null ? undefined : await request.text();
      const { method, url, headers } = request;
      return await this.#send({ method, url, headers, body, signal, repeatable, timeout: READ_TIMEOUT });
    };
    const config = createConfig({
      baseUrl: this.baseUrl,
      fetch: fetch as typeof globalThis.fetch,
      parseAs: "json", // also what says to be something else: then it is no answer of the API
    });
    const settled = await operation({ ...options, client: createClient(config), throwOnError: true }).catch(
      invalid,
    );
    return settled.data;
  }

  /** Send with the session's access token. A session that the server has revoked is over in every window. */
  async #send(exchange: Exchange): Promise<Response> {
    const { store } = this.#options;
    const before = await store.get();
    try {
      return await this.#sendSignedIn(exchange);
    } catch (error) {
      if (error instanceof TokengateError && error.needsSignIn && before !== undefined) {
        if ((await store.get())?.id === before.id) {
          await store.clear();
        }
        this.#sessionEnded.fire(error);
      }
      throw error;
    }
  }

  /** Once more with a new access token, if the server does not accept the first. */
  async #sendSignedIn(exchange: Exchange, refused?: string): Promise<Response> {
    const session = await abortable(this.#options.renewal.session(refused), exchange.signal);
    const headers = new Headers(this.#options.headers);
    for (const [name, value] of exchange.headers) {
      headers.set(name, value);
    }
    headers.set("Authorization", `Bearer ${session.access}`);
    try {
      return await this.#options.transport.send({ ...exchange, headers });
    } catch (error) {
      if (refused === undefined && error instanceof TokengateError && error.code === "invalid_token") {
        return await this.#sendSignedIn(exchange, session.access);
      }
      throw error;
    }
  }
}

type Operation<Options, Data> = (
  options: Options & { client: ReturnType<typeof createClient>; throwOnError: true },
) => Promise<{ data: Data }>;

/** What the generated client raises itself: the body of a success that is not JSON. */
function invalid(error: unknown): never {
  if (error instanceof SyntaxError) {
    throw new TokengateError(
      l10n.t("The server's answer is not valid. Is tokengate.serverUrl the address of a Tokengate server?"),
      { code: "invalid_response", status: 200, retryable: false },
      { cause: error },
    );
  }
  throw error;
}

/** The same promise, or the signal's reason as soon as it is aborted. What it waits for goes on. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) {
    return promise;
  }
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    if (signal.aborted) {
      stop();
    }
  });
}
