/** From the parts of an answer to those of the editor. */

import type * as vscode from "vscode";
import type { AnswerPart } from "./answer.ts";
import type { PartClasses, ThinkingPartClass } from "./parts.ts";

/** Return the editor's part for a part of an answer, or undefined if the editor does not show it. */
export function toEditorPart(
  classes: PartClasses,
  part: AnswerPart,
): vscode.LanguageModelResponsePart | undefined {
  switch (part.kind) {
    case "text":
      return new classes.LanguageModelTextPart(part.text);
    case "toolCall":
      return new classes.LanguageModelToolCallPart(part.id, part.name, part.input);
    case "thinking":
      return thinkingPart(classes.LanguageModelThinkingPart, part);
    case "usage":
      // The editor's chat reads the usage of an answer from a part with this type.
      return new classes.LanguageModelDataPart(new TextEncoder().encode(JSON.stringify(part.usage)), "usage");
    default:
      return undefined;
  }
}

/** Without the class, reasoning is left out: as text it would become part of the conversation. */
function thinkingPart(
  Thinking: ThinkingPartClass | undefined,
  { text, metadata }: { text: string; metadata?: Record<string, unknown> },
): vscode.LanguageModelResponsePart | undefined {
  return Thinking && (new Thinking(text, undefined, metadata) as unknown as vscode.LanguageModelResponsePart);
}
