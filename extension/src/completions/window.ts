/** The part of a document that is sent for a completion: what is before the cursor, and what is behind it. */

export interface TextWindow {
  /** Ends at the cursor. */
  readonly prefix: string;
  /** Begins at the cursor. */
  readonly suffix: string;
}

const mostBefore = 6000;
const mostBehind = 2000;
/** Windows begin at multiples of this, so that typing rarely moves them: the provider can cache the prompt. */
const step = 1500;

/** Return the offsets of the window around the cursor. */
export function windowAround(offset: number): { start: number; end: number } {
  const start = Math.max(0, offset - mostBefore);
  return { start: Math.ceil(start / step) * step, end: offset + mostBehind };
}

/** Make a window of texts that may begin or end inside a surrogate pair. */
export function toWindow(prefix: string, suffix: string): TextWindow {
  return { prefix: prefix.replace(/^[\udc00-\udfff]/, ""), suffix: suffix.replace(/[\ud800-\udbff]$/, "") };
}

/** One line is enough inside a line; a block is wanted on an empty line, or behind what opens one. */
export function wantsBlock({ prefix, suffix }: TextWindow): boolean {
  const before = prefix.slice(prefix.lastIndexOf("\n") + 1);
  return isEndOfLine(suffix) && /(^\s*|[{([:]\s*|=>\s*)$/.test(before);
}

/** Only what editors insert by themselves may follow on the line: closing brackets, quotes, a semicolon. */
export function isEndOfLine(suffix: string): boolean {
  return /^[\s)\]}"'`;,]*$/.test(suffix.split("\n", 1)[0] ?? "");
}
