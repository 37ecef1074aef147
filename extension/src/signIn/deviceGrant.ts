/** Sign-in with a code that the user confirms in a browser (RFC 8628), where no redirect can return. */
import { l10n } from "vscode";
import { TokengateError } from "../api/errors.ts";
import type { StoredSession } from "../session/store.ts";
import type { DeviceCode, OAuth } from "./oauth.ts";

export interface DeviceGrantOptions {
  readonly oauth: OAuth;
  readonly signal: AbortSignal;
  /** Shows the code. Resolves when the user has seen it; polling starts then. */
  readonly show: (code: DeviceCode) => Promise<void>;
  /** Resolves after so many seconds; rejects when the signal is aborted. */
  readonly pause?: (seconds: number, signal: AbortSignal) => Promise<void>;
  readonly now?: () => number;
}

/** A lost connection does not end it: the code can be used for ten minutes. */
export async function signInWithCode(options: DeviceGrantOptions): Promise<StoredSession> {
  const { oauth, signal, show, pause = pauseFor, now = Date.now } = options;
  const code = await oauth.requestDeviceCode(signal);
  const deadline = now() + code.expiresIn * 1000;
  await show(code);
  let interval = code.interval;
  while (now() < deadline) {
    await pause(interval, signal);
    const polled = await poll(oauth, code.deviceCode, signal);
    if (typeof polled === "object") {
      return await oauth.exchange(polled.accessToken, signal);
    }
    interval += polled === "slow_down" ? 5 : 0; // RFC 8628, section 3.5
  }
  throw new TokengateError(l10n.t("The code has expired. Start the sign-in again."), {
    code: "expired_token",
    status: 400,
    retryable: false,
  });
}

async function poll(
  oauth: OAuth,
  deviceCode: string,
  signal: AbortSignal,
): ReturnType<OAuth["pollDeviceCode"]> {
  try {
    return await oauth.pollDeviceCode(deviceCode, signal);
  } catch (error) {
    if (error instanceof TokengateError && error.retryable) {
      return error.status === 429 ? "slow_down" : "pending";
    }
    throw error;
  }
}

function pauseFor(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) {
      stop();
    }
  });
}
