import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { readEvents } from "../../src/chat/sse.ts";
import { collect, cut, responseOf } from "./stream.ts";

const line = fc.string({ unit: "grapheme" }).filter((text) => !/[\r\n]/.test(text));
const ending = fc.constantFrom("\n", "\r\n", "\r");

describe("the events of a response", () => {
  it("are the same wherever the bytes are cut, with any line ending, comments and several data lines", async () => {
    const event = fc.record({ lines: fc.array(line, { minLength: 1, maxLength: 3 }), comment: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 5 }),
        ending,
        fc.array(fc.nat(), { maxLength: 12 }),
        async (events, end, positions) => {
          const text = events
            .map(({ lines, comment }) => {
              const written = lines.map((one) => `data: ${one}${end}`).join("");
              return `${comment ? `: keep-alive${end}` : ""}${written}${end}`;
            })
            .join("");
          const pieces = cut(new TextEncoder().encode(text), positions);
          const read = await collect(readEvents(responseOf(pieces).body));
          assert.deepEqual(
            read,
            events.map(({ lines }) => lines.join("\n")),
          );
        },
      ),
    );
  });

  it("begin after a byte order mark", async () => {
    const read = await collect(readEvents(responseOf(["\ufeffdata: one\n\n"]).body));
    assert.deepEqual(read, ["one"]);
  });

  it("end the response when the reader leaves early", async () => {
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode("data: more\n\n")),
      cancel: () => {
        isCancelled = true;
      },
    });
    for await (const _ of readEvents(body)) {
      break;
    }
    assert.equal(isCancelled, true);
  });

  it("are none without a body", async () => {
    assert.deepEqual(await collect(readEvents(null)), []);
  });
});
