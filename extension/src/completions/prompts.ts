/** The requests for a completion, by the kind of model. */

import { type TextWindow, wantsBlock } from "./window.ts";

export interface CompletionRequest {
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly chat: boolean;
}

export interface Asked {
  readonly model: string;
  readonly window: TextWindow;
  readonly language: string;
  readonly file: string;
  /** The model can be told to reason less. */
  readonly reasons: boolean;
}

/** How a model that was trained to fill in the middle of a text is asked. */
type Style = "suffix" | { prefix: string; suffix: string; middle: string };

const styles: readonly [RegExp, Style][] = [
  [/codestral/, "suffix"],
  [/qwen.*coder|codegemma/, { prefix: "<|fim_prefix|>", suffix: "<|fim_suffix|>", middle: "<|fim_middle|>" }],
  [/deepseek-coder/, { prefix: "<｜fim▁begin｜>", suffix: "<｜fim▁hole｜>", middle: "<｜fim▁end｜>" }],
  [
    /starcoder|granite.*code|stable-code/,
    { prefix: "<fim_prefix>", suffix: "<fim_suffix>", middle: "<fim_middle>" },
  ],
  [/codellama|code-llama/, { prefix: "<PRE> ", suffix: " <SUF>", middle: " <MID>" }],
];

const tokensForLine = 96;
const tokensForBlock = 256;

/** Return whether a model was trained to fill in the middle of a text. */
export function fillsIn(model: string): boolean {
  return styleOf(model) !== undefined;
}

function styleOf(model: string): Style | undefined {
  return styles.find(([name]) => name.test(model.toLowerCase()))?.[1];
}

/** Ask by `/completions`. Returns undefined for a model that was not trained for it. */
export function fillInRequest({ model, window }: Asked): CompletionRequest | undefined {
  const style = styleOf(model);
  if (style === undefined) {
    return undefined;
  }
  const { prefix, suffix } = window;
  const prompt =
    style === "suffix"
      ? { prompt: prefix, suffix }
      : { prompt: `${style.prefix}${prefix}${style.suffix}${suffix}${style.middle}` };
  const stop = wantsBlock(window) ? ["\n\n\n"] : ["\n"];
  return { path: "/api/llm/completions", body: { model, ...prompt, ...limits(window), stop }, chat: false };
}

const instructions = `You complete code in an editor. The user's message is a part of a file, with the cursor at <CURSOR>.
Answer with only the text to insert at <CURSOR>: no explanation, no code fence, and nothing that the file already has before or after it.
If nothing fits, answer with an empty message.`;

/** Ask by a chat. */
export function chatRequest({ model, window, language, file, reasons }: Asked): CompletionRequest {
  const content = `File: ${file}\nLanguage: ${language}\n\n${window.prefix}<CURSOR>${window.suffix}`;
  const messages = [
    { role: "system", content: instructions },
    { role: "user", content },
  ];
  const effort = reasons ? { reasoning: { effort: "minimal" } } : {};
  const body = { model, messages, ...limits(window), ...effort };
  return { path: "/api/llm/chat/completions", body, chat: true };
}

function limits(window: TextWindow): Record<string, unknown> {
  return {
    stream: true,
    temperature: 0,
    max_tokens: wantsBlock(window) ? tokensForBlock : tokensForLine,
  };
}
