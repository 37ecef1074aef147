/** Anthropic's models cache only what is marked; the others cache by themselves. */

import type { Message, TextBlock } from "./wire.ts";

export function readsCacheMarks(model: string): boolean {
  return /(^|[/.])(anthropic\/|claude)/.test(model);
}

/**
 * Mark the instructions and the end of the conversation, so that the next turn reads both from the
 * cache. Leaves messages in which the editor has set marks as they are.
 */
export function markForCache(messages: readonly Message[]): Message[] {
  if (messages.some(hasMark)) {
    return [...messages];
  }
  const system = messages.findLastIndex((message) => message.role === "system");
  return messages.map((message, index) =>
    index === system || index === messages.length - 1 ? marked(message) : message,
  );
}

function hasMark(message: Message): boolean {
  return Array.isArray(message.content) && message.content.some((block) => "cache_control" in block);
}

function marked(message: Message): Message {
  if (typeof message.content === "string") {
    return { ...message, content: [withMark({ type: "text", text: message.content })] };
  }
  const last = message.content?.at(-1);
  if (last?.type !== "text") {
    return message;
  }
  return { ...message, content: [...(message.content ?? []).slice(0, -1), withMark(last)] } as Message;
}

function withMark(block: TextBlock): TextBlock {
  return { ...block, cache_control: { type: "ephemeral" } };
}
