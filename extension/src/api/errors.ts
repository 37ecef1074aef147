/** What can go wrong with a request: one error class, classified by the server's `code`. */

/** The facts of an error. Those that the server did not send are undefined. */
export interface ErrorFacts {
  /** The server's stable code, or `network`, `timeout` or `invalid_response`, which are decided here. */
  readonly code: string;
  /** The HTTP status; 0 if there was no response. */
  readonly status: number;
  readonly requestId?: string | undefined;
  /** The same request can succeed soon. */
  readonly retryable: boolean;
  /** Seconds until a repetition can succeed. */
  readonly retryAfter?: number | undefined;
  readonly param?: string | undefined;
  /** Where the user can get more tokens (402, 403 `model_not_in_plan`). */
  readonly upgradeUrl?: string | undefined;
  /** When tokens or limits are available again, in ISO 8601 (402, 429). */
  readonly resetsAt?: string | undefined;
  readonly needed?: number | undefined;
  readonly available?: number | undefined;
  /** What was charged although the answer broke off (an error event in a stream). */
  readonly charged?: number | undefined;
}

/** `message` is the server's, for the user. `describe()` adds the request id. */
export class TokengateError extends Error implements ErrorFacts {
  override readonly name = "TokengateError";
  readonly code: string;
  readonly status: number;
  readonly requestId: string | undefined;
  readonly retryable: boolean;
  readonly retryAfter: number | undefined;
  readonly param: string | undefined;
  readonly upgradeUrl: string | undefined;
  readonly resetsAt: string | undefined;
  readonly needed: number | undefined;
  readonly available: number | undefined;
  readonly charged: number | undefined;

  constructor(message: string, facts: ErrorFacts, options?: ErrorOptions) {
    super(message, options);
    this.code = facts.code;
    this.status = facts.status;
    this.requestId = facts.requestId;
    this.retryable = facts.retryable;
    this.retryAfter = facts.retryAfter;
    this.param = facts.param;
    this.upgradeUrl = facts.upgradeUrl;
    this.resetsAt = facts.resetsAt;
    this.needed = facts.needed;
    this.available = facts.available;
    this.charged = facts.charged;
  }

  /** The session is over, or there is none: the user has to sign in again. */
  get needsSignIn(): boolean {
    return ["token_revoked", "not_authenticated", "invalid_api_key"].includes(this.code);
  }

  /** The message with the request id, for support. */
  describe(): string {
    return this.requestId === undefined ? this.message : `${this.message} (${this.requestId})`;
  }
}

/** The error of a response that is no success. Reads its body. */
export async function errorOfResponse(response: Response): Promise<TokengateError> {
  const text = await response.text().catch(() => "");
  const body = parseError(text) ?? {};
  const retryAfter = seconds(response.headers.get("retry-after"));
  return errorOfBody(body, {
    status: response.status,
    requestId: response.headers.get("x-request-id") ?? undefined,
    retryAfter,
  });
}

interface ResponseFacts {
  readonly status: number;
  readonly requestId?: string | undefined;
  readonly retryAfter?: number | undefined;
}

/** The error of the server's `error` object, in a response or in an event of a stream. */
export function errorOfBody(error: Record<string, unknown>, response: ResponseFacts): TokengateError {
  const status = number(error["status"]) ?? response.status;
  return new TokengateError(string(error["message"]) ?? `The server answered with status ${status}.`, {
    code: string(error["code"]) ?? "invalid_response",
    status,
    requestId: string(error["request_id"]) ?? response.requestId,
    retryable:
      error["retryable"] === true || (error["retryable"] === undefined && status >= 502 && status <= 504),
    retryAfter: response.retryAfter,
    param: string(error["param"]),
    upgradeUrl: string(error["upgrade_url"]),
    resetsAt: string(error["resets_at"]),
    needed: number(error["needed"]),
    available: number(error["available"]),
    charged: number(error["charged"]),
  });
}

function parseError(text: string): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(text);
    const error: unknown = isObject(body) ? body["error"] : undefined;
    if (isObject(body) && typeof error === "string") {
      return { code: error, message: body["error_description"] }; // OAuth's shape (RFC 6749)
    }
    return isObject(error) ? error : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function string(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function seconds(header: string | null): number | undefined {
  const value = header === null || header === "" ? Number.NaN : Number(header);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
