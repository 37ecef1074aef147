/** Reads the parts of the editor's messages. The editor's classes are passed in, so no `vscode` is imported. */

import type * as vscode from "vscode";

export type Part =
  | { kind: "text"; text: string }
  | { kind: "image"; mimeType: string; data: Uint8Array }
  | { kind: "thinking"; text: string; metadata: Readonly<Record<string, unknown>> | undefined }
  | { kind: "toolCall"; id: string; name: string; input: object }
  | { kind: "toolResult"; id: string; content: Part[] }
  | { kind: "cacheMark" }
  | { kind: "unreadable"; mimeType: string };

export interface ThinkingPart {
  value: string | string[];
  metadata?: Readonly<Record<string, unknown>>;
}

export type ThinkingPartClass = new (
  value: string,
  id?: string,
  metadata?: Readonly<Record<string, unknown>>,
) => ThinkingPart;

/** The editor's classes. Thinking parts are not in the stable API; editors that have them export the class. */
export interface PartClasses {
  LanguageModelTextPart: typeof vscode.LanguageModelTextPart;
  LanguageModelDataPart: typeof vscode.LanguageModelDataPart;
  LanguageModelToolCallPart: typeof vscode.LanguageModelToolCallPart;
  LanguageModelToolResultPart: typeof vscode.LanguageModelToolResultPart;
  LanguageModelPromptTsxPart: typeof vscode.LanguageModelPromptTsxPart;
  LanguageModelThinkingPart?: ThinkingPartClass;
}

/** Parts with these types are notes of the editor to itself. */
const editorsOwn = new Set(["usage", "stateful_marker", "thinking", "context_management", "phase_data"]);

/** Read one part. Returns undefined for a part that has no content for a model. */
export function readPart(classes: PartClasses, part: unknown): Part | undefined {
  if (part instanceof classes.LanguageModelTextPart) {
    return { kind: "text", text: part.value };
  }
  if (part instanceof classes.LanguageModelToolCallPart) {
    return { kind: "toolCall", id: part.callId, name: part.name, input: part.input };
  }
  if (part instanceof classes.LanguageModelToolResultPart) {
    return { kind: "toolResult", id: part.callId, content: readParts(classes, part.content) };
  }
  if (part instanceof classes.LanguageModelDataPart) {
    return readData(part.mimeType, part.data);
  }
  if (part instanceof classes.LanguageModelPromptTsxPart) {
    return { kind: "text", text: textOfPromptTree(part.value) };
  }
  if (classes.LanguageModelThinkingPart && part instanceof classes.LanguageModelThinkingPart) {
    const text = Array.isArray(part.value) ? part.value.join("") : part.value;
    return { kind: "thinking", text, metadata: part.metadata };
  }
  return typeof part === "string" ? { kind: "text", text: part } : undefined;
}

export function readParts(classes: PartClasses, parts: readonly unknown[]): Part[] {
  return parts.map((part) => readPart(classes, part)).filter((part) => part !== undefined);
}

function readData(mimeType: string, data: Uint8Array): Part | undefined {
  if (mimeType.startsWith("image/")) {
    return { kind: "image", mimeType, data };
  }
  if (mimeType.startsWith("text/") || /[/+]json$/.test(mimeType)) {
    return { kind: "text", text: new TextDecoder().decode(data) };
  }
  if (mimeType === "cache_control") {
    return { kind: "cacheMark" };
  }
  return editorsOwn.has(mimeType) ? undefined : { kind: "unreadable", mimeType };
}

interface PromptNode {
  text?: unknown;
  lineBreakBefore?: unknown;
  children?: unknown;
}

/** The text of a tree that `@vscode/prompt-tsx` rendered as JSON. */
function textOfPromptTree(value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  if (typeof value !== "object" || value === null) {
    return "";
  }
  const texts: string[] = [];
  const left: unknown[] = ["node" in value ? value.node : value];
  while (left.length > 0) {
    const node = left.pop() as PromptNode | null | undefined;
    if (typeof node?.text === "string") {
      texts.push(node.lineBreakBefore && texts.length > 0 ? `\n${node.text}` : node.text);
    }
    if (Array.isArray(node?.children)) {
      left.push(...node.children.toReversed());
    }
  }
  return texts.join("");
}
