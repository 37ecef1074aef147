/**
 * What the extension exports to other extensions:
 *
 *     const tokengate = await vscode.extensions.getExtension("tokengate.tokengate")?.activate();
 *     await tokengate?.reportUsage({ model: "openai/gpt-5", promptTokens: 1200, completionTokens: 300 });
 */
export interface TokengateApi {
  /**
   * Charge the usage of a request that was sent to a provider with the user's own key. The report is
   * on the disk when the promise is fulfilled, and is sent in the background, also after a restart.
   *
   * Nothing is reported unless the user has switched on `tokengate.usageReporting.enabled` and is
   * signed in; the outcome says so. Rejects with a `TypeError` for a report that is not valid.
   */
  reportUsage(report: UsageReport): Promise<ReportOutcome>;
}

export interface UsageReport {
  /** The model, by the name in Tokengate's catalog or the provider's. The weights of the catalog apply. */
  readonly model: string;
  /** The provider's name, such as `openrouter`. */
  readonly provider?: string;
  /** All tokens of the prompt, with those that were cached. */
  readonly promptTokens: number;
  /** All tokens of the answer, with its reasoning. */
  readonly completionTokens: number;
  /** The part of `promptTokens` that was read from the provider's cache. */
  readonly cacheReadTokens?: number;
  /** The part of `promptTokens` that was written to the provider's cache. */
  readonly cacheWriteTokens?: number;
  /** A reservation of `POST /api/tokens/reserve`, to be settled. */
  readonly reservation?: string;
  /**
   * The report's own name: 1 to 128 letters, digits, `.`, `_` or `-`, such as a UUID. A report with the
   * name of an earlier one has no effect, so a caller can repeat it after a crash of its own.
   */
  readonly id?: string;
}

/** `id` names the report in logs and is the id of its receipt, unless it settles a reservation. */
export type ReportOutcome =
  | { readonly accepted: true; readonly id: string }
  | { readonly accepted: false; readonly reason: "off" | "signed-out" };
