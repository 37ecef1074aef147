/** Keeps recent completions. Typing along a completion finds the rest of it, without a request. */

import type { TextWindow } from "./window.ts";

interface Entry extends TextWindow {
  readonly text: string;
}

const mostEntries = 64;

export class CompletionCache {
  /** The most recently used entry is the last. */
  #entries: Entry[] = [];

  /** Return the text to insert, or undefined if none is known. An empty text means: nothing to suggest. */
  find(window: TextWindow): string | undefined {
    const index = this.#entries.findLastIndex((entry) => restOf(entry, window) !== undefined);
    const [entry] = index < 0 ? [] : this.#entries.splice(index, 1);
    if (entry === undefined) {
      return undefined;
    }
    this.#entries.push(entry);
    return restOf(entry, window);
  }

  add(window: TextWindow, text: string): void {
    const others = this.#entries.filter(
      ({ prefix, suffix }) => prefix !== window.prefix || suffix !== window.suffix,
    );
    this.#entries = [...others, { ...window, text }].slice(-mostEntries);
  }

  clear(): void {
    this.#entries = [];
  }
}

/** The part of a completion that is left when its beginning has been typed. */
function restOf(entry: Entry, { prefix, suffix }: TextWindow): string | undefined {
  if (suffix !== entry.suffix || !prefix.startsWith(entry.prefix)) {
    return undefined;
  }
  const typed = prefix.slice(entry.prefix.length);
  const isWhole = typed === entry.text && typed !== "";
  return entry.text.startsWith(typed) && !isWhole ? entry.text.slice(typed.length) : undefined;
}
