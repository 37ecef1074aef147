/** Checks the reports of other extensions, which may be written in plain JavaScript. */

import type { ConsumeRequest } from "../api/generated/index.ts";
import type { UsageReport } from "./api.ts";

const mostTokens = 1_000_000_000;
const counts = ["promptTokens", "completionTokens", "cacheReadTokens", "cacheWriteTokens"] as const;

/** Return the server's request for a report. Raises `TypeError`. */
export function toRequest(report: UsageReport): ConsumeRequest {
  if (typeof report !== "object" || report === null) {
    throw new TypeError("A usage report must be an object.");
  }
  insistOnText("model", report.model, 200);
  insistOnText("provider", report.provider ?? "-", 64);
  insistOnText("reservation", report.reservation ?? "-", 64);
  insistOnText("id", report.id ?? "-", 128);
  if (report.id !== undefined && !/^[\w.-]+$/.test(report.id)) {
    throw new TypeError("id may have letters, digits, and the characters . _ - only.");
  }
  for (const name of counts) {
    insistOnCount(name, report[name] ?? (name.startsWith("cache") ? 0 : undefined));
  }
  const { cacheReadTokens = 0, cacheWriteTokens = 0 } = report;
  if (cacheReadTokens + cacheWriteTokens > report.promptTokens) {
    throw new TypeError("Cached tokens are part of promptTokens and cannot exceed it.");
  }
  return {
    model: report.model,
    provider: report.provider ?? "",
    prompt_tokens: report.promptTokens,
    completion_tokens: report.completionTokens,
    cache_read_tokens: cacheReadTokens,
    cache_write_tokens: cacheWriteTokens,
    ...(report.reservation === undefined ? {} : { reservation: report.reservation }),
  };
}

function insistOnText(name: string, value: unknown, longest: number): void {
  if (typeof value !== "string" || value === "" || value.length > longest) {
    throw new TypeError(`${name} must be a text of 1 to ${longest} characters.`);
  }
}

function insistOnCount(name: string, value: unknown): void {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > mostTokens) {
    throw new TypeError(`${name} must be a whole number from 0 to 1,000,000,000.`);
  }
}
