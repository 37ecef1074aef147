/** Builds the request of a chat completion. */

import { createHash } from "node:crypto";
import type * as vscode from "vscode";
import { markForCache, readsCacheMarks } from "./caching.ts";
import { toChatMessages } from "./messages.ts";
import type { PartClasses } from "./parts.ts";
import type { ChatRequest, Message, Tool } from "./wire.ts";

export interface RequestedModel {
  id: string;
  capabilities: vscode.LanguageModelChatCapabilities;
}

type RequestOptions = Pick<
  vscode.ProvideLanguageModelChatResponseOptions,
  "modelOptions" | "tools" | "toolMode"
>;

const required: vscode.LanguageModelChatToolMode.Required = 2;

/** Options that other extensions may set. The editor's chat also passes notes to itself. */
const passedOn = [
  "temperature",
  "top_p",
  "max_tokens",
  "max_completion_tokens",
  "stop",
  "seed",
  "presence_penalty",
  "frequency_penalty",
  "response_format",
  "reasoning",
  "reasoning_effort",
  "parallel_tool_calls",
];

export function buildRequest(
  classes: PartClasses,
  model: RequestedModel,
  messages: readonly vscode.LanguageModelChatRequestMessage[],
  options: RequestOptions,
): ChatRequest {
  const marks = readsCacheMarks(model.id);
  const converted = toChatMessages(classes, messages, {
    model: model.id,
    acceptsImages: model.capabilities.imageInput ?? false,
    readsCacheMarks: marks,
  });
  const request: ChatRequest = {
    ...chosenOptions(options.modelOptions),
    model: model.id,
    messages: marks ? markForCache(converted) : converted,
    stream: true,
    stream_options: { include_usage: true },
  };
  if (options.tools?.length) {
    request.tools = options.tools.map(toTool);
    request.tool_choice = (options.toolMode as number) === required ? "required" : "auto";
  }
  return request;
}

function chosenOptions(given: RequestOptions["modelOptions"]): Record<string, unknown> {
  const entries = Object.entries(given ?? {});
  return Object.fromEntries(
    entries.filter(([name, value]) => passedOn.includes(name) && value !== undefined),
  );
}

function toTool({ name, description, inputSchema }: vscode.LanguageModelChatTool): Tool {
  const parameters = inputSchema ?? { type: "object", properties: {} };
  return { type: "function", function: { name, description, parameters } };
}

/** The ids of the conversation's calls of tools. */
export function callIds(messages: readonly Message[]): string[] {
  return messages.flatMap((message) =>
    message.role === "assistant" ? (message.tool_calls ?? []).map((call) => call.id) : [],
  );
}

/**
 * A name for the conversation, the same in all of its turns, from which its content cannot be told.
 * The editor does not tell providers which conversation a request belongs to.
 */
export function conversationName(messages: readonly Message[], windowSession: string): string {
  const first = messages.find((message) => message.role === "user") ?? messages[0];
  const digest = createHash("sha256")
    .update(windowSession)
    .update(JSON.stringify(first?.content ?? ""));
  return digest.digest("hex").slice(0, 32);
}
