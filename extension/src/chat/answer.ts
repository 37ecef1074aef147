/** Reads the streamed answer of a chat completion as parts for the editor. */

import { l10n } from "vscode";
import { errorOfBody, TokengateError } from "../api/errors.ts";
import { asObject, readChunk } from "./chunks.ts";
import { ReasoningCollector } from "./reasoning.ts";
import { readEvents } from "./sse.ts";
import { type AssembledCall, BadArguments, ToolCallAssembler } from "./toolCalls.ts";
import type { Chunk, Usage } from "./wire.ts";

export type AnswerPart =
  | { kind: "text"; text: string }
  | { kind: "thinking"; text: string; metadata?: Record<string, unknown> }
  | ({ kind: "toolCall" } & AssembledCall)
  | { kind: "usage"; usage: Usage }
  | { kind: "finish"; reason: string };

export interface AnswerContext {
  model: string;
  /** Ids that earlier calls of the conversation have. */
  usedCallIds: readonly string[];
}

/**
 * Yield the parts of an answer as they arrive; calls of tools when they are complete. Raises a
 * `TokengateError` if the answer breaks off. Leaving the loop early cancels the response.
 */
export async function* readAnswer(response: Response, context: AnswerContext): AsyncGenerator<AnswerPart> {
  const requestId = response.headers.get("x-request-id") ?? undefined;
  const answer = new Answer(context, requestId);
  try {
    for await (const data of readEvents(response.body)) {
      if (data === "[DONE]") {
        yield* answer.end();
        return;
      }
      yield* answer.read(readChunk(data) ?? {});
    }
  } catch (error) {
    throw error instanceof TokengateError || isAbort(error) ? error : brokenOff(requestId, error);
  }
  if (!answer.isFinished) {
    throw brokenOff(requestId);
  }
}

class Answer {
  isFinished = false;
  readonly #requestId: string | undefined;
  readonly #reasoning: ReasoningCollector;
  readonly #calls: ToolCallAssembler;
  #isReasoning = false;

  constructor({ model, usedCallIds }: AnswerContext, requestId: string | undefined) {
    this.#requestId = requestId;
    this.#reasoning = new ReasoningCollector(model);
    this.#calls = new ToolCallAssembler(usedCallIds);
  }

  *read({ delta, finishReason, usage, error }: Chunk): Generator<AnswerPart> {
    if (error !== undefined) {
      throw this.#failure(error);
    }
    if (delta) {
      yield* this.#readReasoning(this.#reasoning.add(delta));
      const text = (delta.content || delta.refusal) ?? "";
      if (text || delta.tool_calls) {
        yield* this.#endReasoning();
      }
      if (text) {
        yield { kind: "text", text };
      }
      this.#calls.add(delta.tool_calls ?? []);
    }
    if (finishReason !== undefined) {
      yield* this.#finish(finishReason);
    }
    if (usage) {
      yield { kind: "usage", usage };
    }
  }

  /** The server has ended the answer. Some providers give no reason. */
  *end(): Generator<AnswerPart> {
    if (!this.isFinished) {
      yield* this.#finish("stop");
    }
  }

  *#readReasoning(text: string): Generator<AnswerPart> {
    if (text) {
      this.#isReasoning = true;
      yield { kind: "thinking", text };
    }
  }

  /** The last part of the reasoning has what the provider needs in the next turn. */
  *#endReasoning(): Generator<AnswerPart> {
    const metadata = this.#reasoning.metadata;
    if (this.#isReasoning && metadata) {
      this.#isReasoning = false;
      yield { kind: "thinking", text: "", metadata };
    }
  }

  *#finish(reason: string): Generator<AnswerPart> {
    this.isFinished = true;
    yield* this.#endReasoning();
    for (const call of this.#finishedCalls(reason)) {
      yield { kind: "toolCall", ...call };
    }
    if (reason === "content_filter") {
      const message = l10n.t("The provider's content filter stopped the answer.");
      throw this.#failure({ code: "content_filter", message, retryable: false });
    }
    yield { kind: "finish", reason };
  }

  #finishedCalls(reason: string): AssembledCall[] {
    try {
      return this.#calls.finish();
    } catch (error) {
      if (!(error instanceof BadArguments)) {
        throw error;
      }
      const message =
        reason === "length"
          ? l10n.t("The answer reached its longest length inside a call of the tool {0}.", error.tool)
          : l10n.t("The model called the tool {0} with arguments that are not valid JSON.", error.tool);
      throw this.#failure({ code: "invalid_tool_call", message, retryable: true });
    }
  }

  #failure(error: unknown): TokengateError {
    const body = asObject(error) ?? { message: String(error) };
    return errorOfBody(body, { status: 200, requestId: this.#requestId });
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function brokenOff(requestId: string | undefined, cause?: unknown): TokengateError {
  const message = l10n.t("The connection ended before the answer was complete. Try again.");
  const facts = { code: "network", status: 0, requestId, retryable: true };
  return new TokengateError(message, facts, { cause });
}
