/** Reads an event of a chat completion's stream. */

import type { Chunk, Delta, Usage } from "./wire.ts";

type Json = Record<string, unknown>;

/** Return the first choice's part of an event, or undefined if the event is not a JSON object. */
export function readChunk(data: string): Chunk | undefined {
  const event = parse(data);
  if (event === undefined) {
    return undefined;
  }
  const choice = Array.isArray(event["choices"]) ? asObject(event["choices"][0]) : undefined;
  const chunk: Chunk = {};
  const delta = asObject(choice?.["delta"]);
  const usage = readUsage(event["usage"]);
  if (delta) {
    chunk.delta = delta as Delta;
  }
  if (typeof choice?.["finish_reason"] === "string") {
    chunk.finishReason = choice["finish_reason"];
  }
  if (usage) {
    chunk.usage = usage;
  }
  if (event["error"]) {
    chunk.error = event["error"];
  }
  return chunk;
}

function readUsage(value: unknown): Usage | undefined {
  const usage = asObject(value);
  const isWhole = ["prompt_tokens", "completion_tokens", "total_tokens"].every((field) =>
    Number.isFinite(usage?.[field]),
  );
  return isWhole ? (usage as unknown as Usage) : undefined;
}

function parse(data: string): Json | undefined {
  try {
    return asObject(JSON.parse(data));
  } catch {
    return undefined;
  }
}

export function asObject(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}
