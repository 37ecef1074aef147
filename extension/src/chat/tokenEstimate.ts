/**
 * The likely number of tokens of a text. The editor asks for hundreds of counts for each prompt, so
 * this is the server's own estimate (its `messages/count_tokens` returns the same for texts), computed
 * here. It needs no tokenizer: each kind of character has a measured share of a token.
 */

import type { Part } from "./parts.ts";

const lowercase = 0.2;
const uppercase = 0.45;
const digit = 0.5;
const space = 0.15;
const beyondAscii = 0.33;
const punctuation = 0.6;

/** Tokens for each byte of UTF-8. */
const shares = Float64Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (byte >= 128) {
    return beyondAscii;
  }
  if (/[a-z]/.test(character)) {
    return lowercase;
  }
  if (/[A-Z]/.test(character)) {
    return uppercase;
  }
  if (/[0-9]/.test(character)) {
    return digit;
  }
  return /[ \t\r\n]/.test(character) ? space : punctuation;
});

const perMessage = 4;
const perImage = 1000;

export function estimateText(text: string): number {
  return Math.ceil(tokensOf(text));
}

/** Estimate a message, with the frame that providers add to each. */
export function estimateMessage(parts: readonly Part[]): number {
  return Math.ceil(perMessage + tokensOfParts(parts));
}

function tokensOfParts(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + tokensOfPart(part), 0);
}

function tokensOfPart(part: Part): number {
  switch (part.kind) {
    case "text":
    case "thinking":
      return tokensOf(part.text);
    case "image":
      return perImage;
    case "toolCall":
      return tokensOf(part.name) + tokensOf(JSON.stringify(part.input));
    case "toolResult":
      return tokensOfParts(part.content);
    default:
      return 0;
  }
}

function tokensOf(text: string): number {
  let tokens = 0;
  for (const byte of Buffer.from(text, "utf-8")) {
    tokens += shares[byte] ?? punctuation;
  }
  return tokens;
}
