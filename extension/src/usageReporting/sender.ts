/** Sends the reports of the signed-in account. Knows no editor. */

import type { TokengateClient } from "../api/client.ts";
import { TokengateError } from "../api/errors.ts";
import type { ReportStore, StoredReport } from "./store.ts";
import { verdictOn } from "./verdict.ts";

type Client = Pick<TokengateClient, "getSession" | "consume" | "receipt">;

export interface SenderEvents {
  /** A report was charged. */
  onCharged(report: StoredReport, charged: number): void;
  /** The server will never accept a report. It was set aside in this file. */
  onRefused(report: StoredReport, reason: string, file: string): void;
}

/** For this long, the server knows that it has charged a report (24 hours), with a margin. */
const remembered = 23 * 60 * 60_000;

export class ReportSender {
  readonly #store: ReportStore;
  readonly #client: Client;
  readonly #events: SenderEvents;

  constructor(store: ReportStore, client: Client, events: SenderEvents) {
    this.#store = store;
    this.#client = client;
    this.#events = events;
  }

  /**
   * Send what is due. Returns when the next report will be due, in milliseconds since 1970, or
   * undefined if none waits for its time. Rejects with the signal's reason.
   */
  async send(signal: AbortSignal): Promise<number | undefined> {
    const account = (await this.#client.getSession())?.account.id;
    const reports = (await this.#store.list()).filter((report) => report.account === account);
    let next: number | undefined;
    for (const report of reports) {
      signal.throwIfAborted();
      const due = isDue(report) ? await this.#sendOne(report, signal) : report.notBefore;
      if (due === "signIn") {
        return next;
      }
      next = due === undefined ? next : Math.min(due, next ?? due);
    }
    return next;
  }

  /** Send a report. Returns the time of the next attempt, if there is one. */
  async #sendOne(report: StoredReport, signal: AbortSignal): Promise<number | "signIn" | undefined> {
    // Before the first attempt: after a crash it must be known that the report may have been charged.
    const begun = { firstSentAt: Date.now(), ...report, attempts: report.attempts + 1 };
    await this.#store.update(begun);
    try {
      const charged = await this.#charge(begun, signal);
      await this.#store.remove(begun);
      this.#events.onCharged(begun, charged);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      return await this.#judge(begun, error);
    }
  }

  async #charge(report: StoredReport, signal: AbortSignal): Promise<number> {
    if (isForgotten(report)) {
      const receipt = await this.#receiptOf(report, signal);
      if (receipt !== undefined) {
        return receipt;
      }
    }
    return (await this.#client.consume(report.request, report.id, signal)).charged;
  }

  /** What an earlier attempt has charged, whose answer was lost. */
  async #receiptOf(report: StoredReport, signal: AbortSignal): Promise<number | undefined> {
    try {
      return (await this.#client.receipt(report.id, signal)).charged;
    } catch (error) {
      if (error instanceof TokengateError && error.status === 404) {
        return undefined;
      }
      throw error;
    }
  }

  async #judge(report: StoredReport, error: unknown): Promise<number | "signIn" | undefined> {
    const verdict = verdictOn(error, report.attempts - 1);
    switch (verdict.kind) {
      case "later":
        await this.#store.update({ ...report, notBefore: verdict.at });
        return verdict.at;
      case "signIn":
        return "signIn";
      case "refused":
        this.#events.onRefused(report, verdict.reason, await this.#store.setAside(report, verdict.reason));
        return undefined;
    }
  }
}

function isDue({ notBefore }: StoredReport): boolean {
  return notBefore === undefined || notBefore <= Date.now();
}

/** The server may have charged it, and may not know it any more by the report's id. */
function isForgotten({ firstSentAt, attempts }: StoredReport): boolean {
  return attempts > 1 && firstSentAt !== undefined && Date.now() - firstSentAt > remembered;
}
