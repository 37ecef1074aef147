/** The server's OAuth endpoints: authorization code with PKCE, device grant, exchange for a session. */
import { l10n } from "vscode";
import { TokengateError } from "../api/errors.ts";
import type { Pair, SignedIn } from "../api/generated/index.ts";
import type { Transport } from "../api/transport.ts";
import type { StoredSession } from "../session/store.ts";

const SCOPE = "openid api";
const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
const TIMEOUT = 30_000;

export interface OAuthOptions {
  readonly server: () => string;
  readonly clientId: string;
  readonly transport: Transport;
  readonly headers: Readonly<Record<string, string>>;
}

export interface DeviceCode {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly verificationUri: string;
  /** The same page with the code filled in. */
  readonly verificationUriComplete: string;
  /** Seconds between two polls. */
  readonly interval: number;
  /** Seconds that the code can be used. */
  readonly expiresIn: number;
}

export type Polled = { readonly accessToken: string } | "pending" | "slow_down";

export class OAuth {
  readonly #options: OAuthOptions;

  constructor(options: OAuthOptions) {
    this.#options = options;
  }

  authorizeUrl(request: { redirectUri: string; state: string; challenge: string }): string {
    const query = {
      response_type: "code",
      client_id: this.#options.clientId,
      redirect_uri: request.redirectUri,
      scope: SCOPE,
      state: request.state,
      code_challenge: request.challenge,
      code_challenge_method: "S256",
    };
    // Not URLSearchParams: editors decode and encode addresses, and keep %20, but not its "+".
    const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    return `${this.#options.server()}/identity/o/authorize?${pairs.join("&")}`;
  }

  async redeemCode(request: { code: string; verifier: string; redirectUri: string }): Promise<string> {
    const answer = await this.#token({
      grant_type: "authorization_code",
      code: request.code,
      code_verifier: request.verifier,
      redirect_uri: request.redirectUri,
    });
    return text(answer, "access_token");
  }

  async requestDeviceCode(signal?: AbortSignal): Promise<DeviceCode> {
    const path = "/identity/o/api/device/code";
    const answer = await this.#post(path, { client_id: this.#options.clientId, scope: SCOPE }, signal);
    const verificationUri = text(answer, "verification_uri");
    return {
      deviceCode: text(answer, "device_code"),
      userCode: text(answer, "user_code"),
      verificationUri,
      verificationUriComplete: optional(answer, "verification_uri_complete") ?? verificationUri,
      interval: Number(answer["interval"] ?? 5),
      expiresIn: Number(answer["expires_in"] ?? 600),
    };
  }

  /** Raises `TokengateError` when the user has refused, or the code has expired. */
  async pollDeviceCode(deviceCode: string, signal?: AbortSignal): Promise<Polled> {
    try {
      const answer = await this.#token({ grant_type: DEVICE_GRANT, device_code: deviceCode }, signal);
      return { accessToken: text(answer, "access_token") };
    } catch (error) {
      if (error instanceof TokengateError && isAnswerToPoll(error.code)) {
        return error.code === "slow_down" ? "slow_down" : "pending";
      }
      throw deviceError(error);
    }
  }

  /** Exchange the OAuth token for a session, once: the server revokes the token. */
  async exchange(accessToken: string, signal?: AbortSignal): Promise<StoredSession> {
    const headers = { Authorization: `Bearer ${accessToken}` };
    const answer = await this.#post("/api/auth/extension/token", {}, signal, headers);
    const signedIn = answer as unknown as SignedIn;
    return {
      id: crypto.randomUUID(),
      account: { id: String(signedIn.user.id), label: signedIn.user.email },
      access: signedIn.access,
      refresh: signedIn.refresh,
      expiresAt: Date.now() + signedIn.expires_in * 1000,
    };
  }

  /** The next pair of tokens. A network failure is not repeated: the server may have used the token up. */
  async refresh(refreshToken: string): Promise<Pair> {
    const response = await this.#send("/api/auth/refresh", JSON.stringify({ refresh: refreshToken }), {
      "Content-Type": "application/json",
    });
    return (await json(response)) as unknown as Pair;
  }

  #token(fields: Record<string, string>, signal?: AbortSignal): Promise<Record<string, unknown>> {
    return this.#post("/identity/o/api/token", { client_id: this.#options.clientId, ...fields }, signal);
  }

  async #post(
    path: string,
    fields: Record<string, string>,
    signal?: AbortSignal,
    headers: Record<string, string> = {},
  ): Promise<Record<string, unknown>> {
    const body = new URLSearchParams(fields).toString();
    const form = { ...headers, "Content-Type": "application/x-www-form-urlencoded" };
    return await json(await this.#send(path, body, form, signal));
  }

  #send(
    path: string,
    body: string,
    headers: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<Response> {
    const { server, transport } = this.#options;
    return transport.send({
      method: "POST",
      url: `${server()}${path}`,
      headers: new Headers({ ...this.#options.headers, ...headers }),
      body,
      signal,
      repeatable: false,
      timeout: TIMEOUT,
    });
  }
}

/** The user has not confirmed the code yet: no failure, although its status is 400. */
export function isAnswerToPoll(code: string): boolean {
  return code === "authorization_pending" || code === "slow_down";
}

async function json(response: Response): Promise<Record<string, unknown>> {
  const answer: unknown = await response.json().catch(() => undefined);
  if (typeof answer !== "object" || answer === null) {
    throw incomplete(response.status);
  }
  return answer as Record<string, unknown>;
}

function text(answer: Record<string, unknown>, field: string): string {
  const value = optional(answer, field);
  if (value === undefined) {
    throw incomplete(200);
  }
  return value;
}

function optional(answer: Record<string, unknown>, field: string): string | undefined {
  const value = answer[field];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function incomplete(status: number): TokengateError {
  const message = l10n.t(
    "The server's answer is not valid. Is tokengate.serverUrl the address of a Tokengate server?",
  );
  return new TokengateError(message, { code: "invalid_response", status, retryable: false });
}

function deviceError(error: unknown): unknown {
  if (!(error instanceof TokengateError)) {
    return error;
  }
  const messages: Record<string, string> = {
    access_denied: l10n.t("The sign-in was refused in the browser."),
    expired_token: l10n.t("The code has expired. Start the sign-in again."),
    invalid_grant: l10n.t("The code has expired or was already used. Start the sign-in again."),
  };
  const message = messages[error.code];
  return message === undefined ? error : new TokengateError(message, { ...error }, { cause: error });
}
