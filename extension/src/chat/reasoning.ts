/**
 * The reasoning of an answer. Some providers require it back in the next turn, unchanged and in the
 * field that they sent it in. The editor keeps it as the metadata of a thinking part.
 */

import type { Part } from "./parts.ts";
import type { Delta, Reasoning } from "./wire.ts";

const key = "tokengate";

interface Kept {
  model: string;
  fields: Reasoning;
}

/** Collects the reasoning of one answer. */
export class ReasoningCollector {
  #fields: Reasoning = {};
  readonly #details: Record<string, unknown>[] = [];
  readonly #model: string;

  constructor(model: string) {
    this.#model = model;
  }

  /** Add a delta. Returns the text to show, which may be empty. */
  add(delta: Delta): string {
    const content = textIn(delta.reasoning_content);
    const plain = textIn(delta.reasoning);
    if (content) {
      this.#fields.reasoning_content = (this.#fields.reasoning_content ?? "") + content;
    }
    if (plain) {
      this.#fields.reasoning = (this.#fields.reasoning ?? "") + plain;
    }
    const details = Array.isArray(delta.reasoning_details) ? delta.reasoning_details : [];
    const shown = details.map((detail) => this.#addDetail(detail)).join("");
    return plain || content || shown;
  }

  /** The metadata of the last thinking part, or undefined if there was no reasoning. */
  get metadata(): Record<string, unknown> | undefined {
    const fields = { ...this.#fields };
    if (this.#details.length > 0) {
      fields.reasoning_details = this.#details;
    }
    if (Object.keys(fields).length === 0) {
      return undefined;
    }
    const kept: Kept = { model: this.#model, fields };
    // The editor's own models end their reasoning with this field.
    return { [key]: kept, vscode_reasoning_done: true };
  }

  /** Add a part of a detail: deltas with one index and type are pieces of one detail. */
  #addDetail(detail: unknown): string {
    if (typeof detail !== "object" || detail === null) {
      return "";
    }
    const piece = detail as Record<string, unknown>;
    const begun = this.#details.at(-1);
    if (begun && begun["type"] === piece["type"] && begun["index"] === piece["index"]) {
      for (const [name, value] of Object.entries(piece)) {
        const grows = name === "text" || name === "summary" || name === "data";
        begun[name] = grows ? textIn(begun[name]) + textIn(value) : (value ?? begun[name]);
      }
    } else {
      this.#details.push({ ...piece });
    }
    return textIn(piece["text"]) || textIn(piece["summary"]);
  }
}

/** The fields to return with an earlier answer of the same model. */
export function reasoningOf(parts: readonly Part[], model: string): Reasoning {
  for (const part of parts) {
    const kept = part.kind === "thinking" ? (part.metadata?.[key] as Kept | undefined) : undefined;
    if (kept?.model === model) {
      return kept.fields;
    }
  }
  return {};
}

function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}
