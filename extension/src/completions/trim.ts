/** From what a model wrote to the text to insert. */

import type { TextWindow } from "./window.ts";

export interface TrimOptions {
  /** Several lines are wanted. */
  readonly block: boolean;
  /** The model is made for conversations, and may wrap or repeat what it was shown. */
  readonly chat: boolean;
}

/** Return the text to insert at the cursor; empty if there is nothing to suggest. */
export function trimCompletion(written: string, window: TextWindow, { block, chat }: TrimOptions): string {
  let text = written.replaceAll("\r\n", "\n");
  if (chat) {
    text = withoutRepeatedLine(withoutFence(text), window.prefix);
  }
  text = block ? withinBlock(text, window.prefix) : (text.split("\n", 1)[0] ?? "");
  text = withoutOverlap(text, window.suffix).trimEnd();
  return text.trim() === "" ? "" : text;
}

function withoutFence(text: string): string {
  const fenced = /^\s*```[^\n]*\n?([\s\S]*?)(?:\n?```\s*)?$/.exec(text);
  return fenced?.[1] ?? text;
}

/** Remove the beginning of the line if the model repeats it. */
function withoutRepeatedLine(text: string, prefix: string): string {
  const line = prefix.slice(prefix.lastIndexOf("\n") + 1);
  const begun = line.trimStart();
  if (begun.trim() === "") {
    return text;
  }
  const candidate = text.startsWith(line) ? line : begun;
  return text.startsWith(candidate) ? text.slice(candidate.length) : text;
}

/** End before the first line that belongs to an outer block, but keep the bracket that closes the block. */
function withinBlock(text: string, prefix: string): string {
  const indent = indentOf(prefix.slice(prefix.lastIndexOf("\n") + 1));
  const [first = "", ...rest] = text.split("\n");
  const lines = [first];
  for (const line of rest) {
    const isOuter = line.trim() !== "" && indentOf(line) < indent;
    const isNext = line.trim() !== "" && indentOf(line) === indent && endsBlock(lines, indent);
    if (isOuter || isNext) {
      break;
    }
    lines.push(line);
  }
  return lines.join("\n");
}

/** The last line closed a block that the completion had opened at the cursor's indentation. */
function endsBlock(lines: readonly string[], indent: number): boolean {
  const last = lines.findLast((line) => line.trim() !== "") ?? "";
  return lines.length > 1 && indentOf(last) === indent && /^\s*[)\]}]/.test(last);
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Remove from the end what already follows the cursor, on its line or on the next lines. */
function withoutOverlap(text: string, suffix: string): string {
  for (const behind of [suffix, suffix.replace(/^[ \t]*\n/, "")]) {
    const most = Math.min(text.length, behind.length);
    for (let length = most; length > 0; length--) {
      const rest = text.slice(0, text.length - length);
      if (text.endsWith(behind.slice(0, length)) && isRepeated(behind, length) && !opens(rest, text)) {
        return rest;
      }
    }
  }
  return text;
}

/** The overlap is more than spaces, and ends where a line ends, or is more than a few characters: else it may be chance. */
function isRepeated(behind: string, length: number): boolean {
  const isLine = length === behind.length || behind[length] === "\n" || behind[length - 1] === "\n";
  return (isLine || length >= 8) && behind.slice(0, length).trim() !== "";
}

/** Without its end, the text would leave open what it closes itself: `bar()` in `foo(|)`. */
function opens(rest: string, text: string): boolean {
  return countOpen(rest) > countOpen(text);
}

/** How many brackets and quotes a text leaves open. */
function countOpen(text: string): number {
  const open: string[] = [];
  for (const character of text) {
    if ("([{".includes(character)) {
      open.push(character);
    } else if (")]}".includes(character)) {
      open.pop();
    }
  }
  const quotes = ['"', "'", "`"].filter((quote) => text.split(quote).length % 2 === 0);
  return open.length + quotes.length;
}
