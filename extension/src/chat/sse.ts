/** Server-sent events of a response. */

import { createParser } from "eventsource-parser";

/** Yield the data of each event. Leaving the loop early cancels the response. */
export async function* readEvents(body: AsyncIterable<Uint8Array> | null): AsyncGenerator<string> {
  const ready: string[] = [];
  const parser = createParser({ onEvent: (event) => ready.push(event.data) });
  const decoder = new TextDecoder();
  for await (const bytes of body ?? none()) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    yield* ready.splice(0);
  }
}

async function* none(): AsyncGenerator<Uint8Array> {}
