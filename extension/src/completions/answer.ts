/** Reads the streamed answer of a completion. */

import { errorOfBody } from "../api/errors.ts";
import { asObject } from "../chat/chunks.ts";
import { readEvents } from "../chat/sse.ts";

/**
 * Return the text that the model wrote, of `/completions` or of a chat. Raises a `TokengateError` for
 * an error in the stream.
 */
export async function readText(response: Response): Promise<string> {
  let text = "";
  for await (const data of readEvents(response.body)) {
    if (data === "[DONE]") {
      break;
    }
    text += textOf(parse(data), response);
  }
  return text;
}

function textOf(event: Record<string, unknown> | undefined, response: Response): string {
  const error = asObject(event?.["error"]);
  if (error) {
    const requestId = response.headers.get("x-request-id") ?? undefined;
    throw errorOfBody(error, { status: 200, requestId });
  }
  const choices = event?.["choices"];
  const choice = Array.isArray(choices) ? asObject(choices[0]) : undefined;
  const text = choice?.["text"] ?? asObject(choice?.["delta"])?.["content"];
  return typeof text === "string" ? text : "";
}

function parse(data: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(data));
  } catch {
    return undefined;
  }
}
