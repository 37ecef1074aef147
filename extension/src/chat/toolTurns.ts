/** Providers refuse a call of a tool without a result, a result without a call, or anything between them. */

import type { AssistantMessage, Message, ToolMessage, UserMessage } from "./wire.ts";

interface Waiting {
  position: number;
  message: ToolMessage;
}

const notRun = "(The tool was not run.)";

/**
 * Return the messages with the results of tools directly behind their calls. A missing result is
 * added; a result whose call is no longer in the conversation becomes a message of the user.
 */
export function withToolResultsInOrder(messages: readonly Message[]): Message[] {
  const waiting = resultsById(messages);
  const behindCalls = new Map<Message, ToolMessage[]>();
  for (const [position, message] of messages.entries()) {
    if (message.role === "assistant" && message.tool_calls) {
      behindCalls.set(message, takeResults(message, position, waiting));
    }
  }
  const orphans = new Set<Message>([...waiting.values()].flat().map((result) => result.message));
  return messages.flatMap((message): Message[] => {
    if (message.role === "tool") {
      return orphans.has(message) ? [asUser(message)] : [];
    }
    return [message, ...(behindCalls.get(message) ?? [])];
  });
}

function resultsById(messages: readonly Message[]): Map<string, Waiting[]> {
  const results = new Map<string, Waiting[]>();
  for (const [position, message] of messages.entries()) {
    if (message.role === "tool") {
      const others = results.get(message.tool_call_id) ?? [];
      results.set(message.tool_call_id, [...others, { position, message }]);
    }
  }
  return results;
}

/** Take the first later result of each call. Some providers use an id again in a later turn. */
function takeResults(
  message: AssistantMessage,
  position: number,
  waiting: Map<string, Waiting[]>,
): ToolMessage[] {
  return (message.tool_calls ?? []).map(({ id }) => {
    const results = waiting.get(id) ?? [];
    const index = results.findIndex((result) => result.position > position);
    const [taken] = index < 0 ? [] : results.splice(index, 1);
    return taken?.message ?? { role: "tool", tool_call_id: id, content: notRun };
  });
}

function asUser({ content }: ToolMessage): UserMessage {
  const text = typeof content === "string" ? content : content.map((block) => block.text).join("");
  return { role: "user", content: `Result of a tool:\n${text}` };
}
