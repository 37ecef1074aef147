/** Streams of the proxy, as responses. */

/** A response with these bytes as the pieces of its body. */
export function responseOf(
  pieces: readonly (string | Uint8Array)[],
  headers: Record<string, string> = {},
): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) {
        controller.enqueue(typeof piece === "string" ? encoder.encode(piece) : piece);
      }
      controller.close();
    },
  });
  return new Response(body, { headers: { "x-request-id": "req-1", ...headers } });
}

export function eventOf(data: unknown): string {
  return `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
}

/** An event with a part of an answer. */
export function deltaOf(delta: object, finishReason: string | null = null): string {
  return eventOf({ choices: [{ index: 0, delta, finish_reason: finishReason }] });
}

export const done = eventOf("[DONE]");

export async function collect<T>(parts: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const part of parts) {
    collected.push(part);
  }
  return collected;
}

/** Cut bytes at these positions. */
export function cut(bytes: Uint8Array, positions: readonly number[]): Uint8Array[] {
  const cuts = [0, ...positions.map((position) => position % (bytes.length + 1)), bytes.length];
  const sorted = cuts.toSorted((one, other) => one - other);
  return sorted.slice(1).map((end, index) => bytes.slice(sorted[index], end));
}
