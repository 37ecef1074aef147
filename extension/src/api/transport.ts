/** One HTTP exchange: time limits, repetition, and every failure as a `TokengateError`. */
import { l10n } from "vscode";
import { errorOfResponse, TokengateError } from "./errors.ts";

export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The request has no effect, or one that a repetition does not double. */
  readonly repeatable: boolean;
  /** Milliseconds until the head of the response. */
  readonly timeout: number;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface TransportOptions {
  readonly fetch?: Fetch;
  /** Resolves after so many milliseconds; rejects when the signal is aborted. */
  readonly pause?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** Told of every failure, also of those that a repetition cures. */
  readonly onFailure?: (error: TokengateError, exchange: Exchange) => void;
}

const ATTEMPTS = 3;
const LONGEST_PAUSE = 10_000;

export class Transport {
  readonly #fetch: Fetch;
  readonly #pause: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  readonly #onFailure: (error: TokengateError, exchange: Exchange) => void;

  constructor(options: TransportOptions = {}) {
    // Looked up at each call: the editor replaces it with one that knows its proxies and certificates.
    this.#fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.#pause = options.pause ?? pause;
    this.#onFailure = options.onFailure ?? (() => {});
  }

  /** A response that is a success, its body unread. Raises `TokengateError`, or the signal's reason. */
  async send(exchange: Exchange): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#sendOnce(exchange);
      } catch (error) {
        if (!(error instanceof TokengateError)) {
          throw error;
        }
        this.#onFailure(error, exchange);
        const wait = pauseBefore(error, attempt);
        if (!exchange.repeatable || attempt === ATTEMPTS || wait === undefined) {
          throw error;
        }
        await this.#pause(wait, exchange.signal);
      }
    }
  }

  async #sendOnce(exchange: Exchange): Promise<Response> {
    exchange.signal?.throwIfAborted();
    const headers = new Headers(exchange.headers);
    if (!headers.has("x-request-id")) {
      headers.set("x-request-id", crypto.randomUUID());
    }
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), exchange.timeout);
    const signals = exchange.signal === undefined ? [late.signal] : [late.signal, exchange.signal];
    const init: RequestInit = { method: exchange.method, headers, signal: AbortSignal.any(signals) };
    if (exchange.body !== undefined) {
      init.body = exchange.body;
    }
    try {
      const response = await this.#fetch(exchange.url, init);
      if (response.ok) {
        return response;
      }
      throw await errorOfResponse(response);
    } catch (error) {
      exchange.signal?.throwIfAborted();
      throw error instanceof TokengateError
        ? error
        : noResponse(error, exchange.url, headers, late.signal.aborted);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** How long to wait before the next attempt, in milliseconds. Undefined: longer than anybody would. */
function pauseBefore(error: TokengateError, attempt: number): number | undefined {
  if (!error.retryable) {
    return undefined;
  }
  const asked = (error.retryAfter ?? 0) * 1000;
  const usual = 500 * 2 ** (attempt - 1) * (0.5 + Math.random());
  const wait = Math.max(asked, usual);
  return wait <= LONGEST_PAUSE ? wait : undefined;
}

function noResponse(cause: unknown, url: string, headers: Headers, late: boolean): TokengateError {
  const { origin } = new URL(url);
  const message = late
    ? l10n.t("{0} did not answer in time.", origin)
    : l10n.t("{0} cannot be reached ({1}).", origin, reasonOf(cause));
  return new TokengateError(
    message,
    {
      code: late ? "timeout" : "network",
      status: 0,
      retryable: true,
      requestId: headers.get("x-request-id") ?? undefined,
    },
    { cause },
  );
}

/** `fetch` says "fetch failed"; its cause has the code of the system, such as ECONNREFUSED. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof Error) {
    return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
  }
  return String(cause);
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
