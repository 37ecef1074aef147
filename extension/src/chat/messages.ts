/** From the editor's messages to those of a chat completion. */

import type * as vscode from "vscode";
import { type Part, type PartClasses, readParts } from "./parts.ts";
import { reasoningOf } from "./reasoning.ts";
import { withToolResultsInOrder } from "./toolTurns.ts";
import type { AssistantMessage, Block, Message, TextBlock, ToolMessage } from "./wire.ts";

export interface ConversionOptions {
  model: string;
  acceptsImages: boolean;
  /** The model caches the prompt up to the editor's marks; others would refuse them. */
  readsCacheMarks: boolean;
}

type EditorMessage = Pick<vscode.LanguageModelChatRequestMessage, "role" | "content">;

const assistant: vscode.LanguageModelChatMessageRole.Assistant = 2;
/** Not in the stable API; the editor's own chat sends it. */
const system = 3;

const noOutput = "(The tool returned no output.)";

export function toChatMessages(
  classes: PartClasses,
  messages: readonly EditorMessage[],
  options: ConversionOptions,
): Message[] {
  const converted = messages.flatMap((message): Message[] => {
    const parts = readParts(classes, message.content).filter(options.readsCacheMarks ? all : withoutMark);
    const role = message.role as number;
    if (role === assistant) {
      return fromAssistant(parts, options);
    }
    return role === system ? fromSystem(parts) : fromUser(parts, options);
  });
  return withToolResultsInOrder(converted);
}

function all(): boolean {
  return true;
}

function withoutMark(part: Part): boolean {
  return part.kind !== "cacheMark";
}

function fromSystem(parts: readonly Part[]): Message[] {
  const content = inShortestForm(textBlocks(parts));
  return content === undefined ? [] : [{ role: "system", content }];
}

function fromAssistant(parts: readonly Part[], { model }: ConversionOptions): Message[] {
  const calls = parts.filter((part) => part.kind === "toolCall");
  const content = inShortestForm(textBlocks(parts));
  if (content === undefined && calls.length === 0) {
    return [];
  }
  const message: AssistantMessage = {
    role: "assistant",
    content: content ?? null,
    ...reasoningOf(parts, model),
  };
  if (calls.length > 0) {
    message.tool_calls = calls.map(({ id, name, input }) => ({
      id,
      type: "function",
      function: { name, arguments: JSON.stringify(input) },
    }));
  }
  return [message];
}

/** Results of tools come before the text beside them, because they must follow their calls. */
function fromUser(parts: readonly Part[], options: ConversionOptions): Message[] {
  const results = parts.filter((part) => part.kind === "toolResult");
  const messages: Message[] = results.map(({ id, content }): ToolMessage => {
    const blocks = textBlocks(content.map((part) => inToolResult(part, options)));
    return { role: "tool", tool_call_id: id, content: inShortestForm(blocks) ?? noOutput };
  });
  const images = options.acceptsImages ? imagesOfTools(results.flatMap((result) => result.content)) : [];
  const content = inShortestForm([...images, ...contentBlocks(parts, options)]);
  return content === undefined ? messages : [...messages, { role: "user", content }];
}

/** Images are not allowed in the result of a tool, so they follow it in a message of the user. */
function imagesOfTools(content: readonly Part[]): Block[] {
  const images = content.filter((part) => part.kind === "image").map(imageBlock);
  return images.length > 0 ? [{ type: "text", text: "Images that the tools returned:" }, ...images] : [];
}

function inToolResult(part: Part, options: ConversionOptions): Part {
  if (part.kind === "image" && options.acceptsImages) {
    return { kind: "text", text: "(An image: see the next message.)" };
  }
  return part;
}

function contentBlocks(parts: readonly Part[], { acceptsImages }: ConversionOptions): Block[] {
  const blocks: Block[] = [];
  for (const part of parts) {
    if (part.kind === "image" && acceptsImages) {
      blocks.push(imageBlock(part));
    } else {
      addText(blocks, part);
    }
  }
  return blocks;
}

function textBlocks(parts: readonly Part[]): TextBlock[] {
  const blocks: TextBlock[] = [];
  for (const part of parts) {
    addText(blocks, part);
  }
  return blocks;
}

/** Add the text of a part. Adjacent texts are joined, up to a mark of the cache. */
function addText(blocks: Block[], part: Part): void {
  const last = blocks.at(-1);
  const text = textOf(part);
  if (part.kind === "cacheMark") {
    if (last?.type === "text") {
      last.cache_control = { type: "ephemeral" };
    }
  } else if (text && last?.type === "text" && !last.cache_control) {
    last.text += text;
  } else if (text) {
    blocks.push({ type: "text", text });
  }
}

function textOf(part: Part): string {
  switch (part.kind) {
    case "text":
      return part.text;
    case "image":
      return "(An image was left out: this model does not accept images.)";
    case "unreadable":
      return `(A file of the type ${part.mimeType} was left out: models cannot read it.)`;
    default:
      return "";
  }
}

function imageBlock(part: { mimeType: string; data: Uint8Array }): Block {
  const data = Buffer.from(part.data).toString("base64");
  return { type: "image_url", image_url: { url: `data:${part.mimeType};base64,${data}` } };
}

/** One plain text is sent as a string, which every provider accepts. */
function inShortestForm<B extends Block>(blocks: B[]): string | B[] | undefined {
  const [first, ...rest] = blocks;
  if (first?.type === "text" && rest.length === 0 && !first.cache_control) {
    return first.text;
  }
  return first && blocks;
}
