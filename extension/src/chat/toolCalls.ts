/** Assembles the calls of tools from the deltas of a stream. */

import type { ToolCallDelta } from "./wire.ts";

export interface AssembledCall {
  id: string;
  name: string;
  input: object;
}

interface Growing {
  index: number | undefined;
  id: string;
  name: string;
  arguments: string;
}

/** The arguments of a call are not a JSON object. */
export class BadArguments extends Error {
  readonly tool: string;

  constructor(tool: string) {
    super(`The arguments of the tool ${tool} are not a JSON object.`);
    this.tool = tool;
  }
}

export class ToolCallAssembler {
  readonly #calls: Growing[] = [];
  readonly #usedIds: Set<string>;

  /** `usedIds`: of the conversation. The editor tells calls apart by their ids, which some providers repeat. */
  constructor(usedIds: Iterable<string> = []) {
    this.#usedIds = new Set(usedIds);
  }

  add(deltas: readonly ToolCallDelta[]): void {
    for (const delta of deltas) {
      const call = this.#find(delta) ?? this.#begin(delta);
      call.id ||= delta.id ?? "";
      call.name ||= delta.function?.name ?? "";
      call.arguments += delta.function?.arguments ?? "";
    }
  }

  get isEmpty(): boolean {
    return this.#calls.length === 0;
  }

  /** Return the calls, and forget them. Raises {@link BadArguments}. */
  finish(): AssembledCall[] {
    return this.#calls.splice(0).map((call) => ({
      id: this.#unused(call.id),
      name: call.name,
      input: parseArguments(call),
    }));
  }

  /** Find the call that a delta continues: by its index, else by its id, else the last one. */
  #find(delta: ToolCallDelta): Growing | undefined {
    const begun = delta.index === undefined ? this.#calls.at(-1) : this.#byIndex(delta.index);
    // Some providers send several calls with one index, or without any.
    const isAnother = delta.id && begun?.id && delta.id !== begun.id;
    return isAnother ? this.#calls.find((call) => call.id === delta.id) : begun;
  }

  #byIndex(index: number): Growing | undefined {
    return this.#calls.findLast((call) => call.index === index);
  }

  #begin(delta: ToolCallDelta): Growing {
    const call = { index: delta.index, id: "", name: "", arguments: "" };
    this.#calls.push(call);
    return call;
  }

  #unused(given: string): string {
    const id = given || crypto.randomUUID();
    let unused = id;
    for (let count = 2; this.#usedIds.has(unused); count++) {
      unused = `${id}_${count}`;
    }
    this.#usedIds.add(unused);
    return unused;
  }
}

/** Models send nothing for a tool without parameters. */
function parseArguments(call: Growing): object {
  let input: unknown;
  try {
    input = JSON.parse(call.arguments.trim() || "{}");
  } catch {
    throw new BadArguments(call.name);
  }
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new BadArguments(call.name);
  }
  return input;
}
