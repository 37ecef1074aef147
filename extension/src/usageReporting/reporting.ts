/** The queue of reports in one window: accepts them, and sends them in the background. */

import { randomUUID } from "node:crypto";
import type { TokengateClient } from "../api/client.ts";
import type { ReportOutcome, TokengateApi, UsageReport } from "./api.ts";
import { ReportSender, type SenderEvents } from "./sender.ts";
import { ReportStore } from "./store.ts";
import { toRequest } from "./validation.ts";

type Client = Pick<TokengateClient, "getSession" | "consume" | "receipt">;

export interface ReportingOptions {
  readonly folder: string;
  readonly client: Client;
  /** The user has switched reporting on. */
  isOn(): boolean;
  readonly events: SenderEvents & { onFailure(error: unknown): void };
}

/** Other windows may have closed before they could send their reports. */
const longestPause = 5 * 60_000;
const afterStart = 5_000;

export class UsageReporting implements TokengateApi {
  readonly #options: ReportingOptions;
  readonly #store: ReportStore;
  readonly #sender: ReportSender;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #again = false;

  constructor(options: ReportingOptions) {
    this.#options = options;
    this.#store = new ReportStore(options.folder);
    this.#sender = new ReportSender(this.#store, options.client, options.events);
  }

  /** Send in a few seconds what an earlier session has left. */
  start(): void {
    this.#sendIn(afterStart);
  }

  async reportUsage(report: UsageReport): Promise<ReportOutcome> {
    const request = toRequest(report);
    const { client, isOn } = this.#options;
    if (!isOn()) {
      return { accepted: false, reason: "off" };
    }
    const session = await client.getSession();
    if (session === undefined) {
      return { accepted: false, reason: "signed-out" };
    }
    const id = report.id ?? randomUUID();
    await this.#store.add({ id, account: session.account.id, request, reportedAt: Date.now(), attempts: 0 });
    void this.send();
    return { accepted: true, id };
  }

  /** Send what is due, and again later what is not. Fulfilled when the server has answered. Never rejects. */
  async send(): Promise<void> {
    this.#again = true;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
    await this.#sending;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  /** Reports that arrive meanwhile are sent as well. */
  async #sendAll(): Promise<void> {
    let next: number | undefined;
    while (this.#again && this.#options.isOn() && !this.#abort.signal.aborted) {
      this.#again = false;
      next = await this.#sender.send(this.#abort.signal).catch((error) => this.#fail(error));
    }
    this.#sendIn(next === undefined ? longestPause : next - Date.now());
  }

  #fail(error: unknown): undefined {
    if (!this.#abort.signal.aborted) {
      this.#options.events.onFailure(error);
    }
  }

  #sendIn(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (!this.#abort.signal.aborted && this.#options.isOn()) {
      const pause = Math.max(1_000, Math.min(milliseconds, longestPause));
      this.#timer = setTimeout(() => void this.send(), pause);
    }
  }
}
