// The `openai` package for Node: responses, its helper of streams, parsing.

import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { MODEL, play } from "./asking.mjs";

const ai = new OpenAI({ baseURL: `${process.env.ROOT_URL}/v1`, apiKey: process.env.KEY, maxRetries: 0 });
const SAY = { model: MODEL, input: "Say something. [[n=25]]" };
const seen = (...responses) => ({
  text: responses.at(-1).output_text,
  tokens: responses.reduce((sum, { usage }) => sum + usage.total_tokens, 0),
});

await play({
  async plain() {
    return seen(await ai.responses.create(SAY));
  },
  async stream() {
    let text = "";
    const answer = ai.responses.stream(SAY).on("response.output_text.delta", ({ delta }) => (text += delta));
    const whole = seen(await answer.finalResponse());
    return text === whole.text ? whole : { failed: "texts differ" };
  },
  async tools() {
    const parameters = { type: "object", properties: { path: { type: "string" } } };
    const asked = {
      model: MODEL,
      store: false,
      input: [{ role: "user", content: "Read the file a.py. [[tool=read_file]]" }],
      tools: [{ type: "function", name: "read_file", strict: false, parameters }],
    };
    const call = await ai.responses.create(asked);
    const calls = call.output.filter(({ type }) => type === "function_call");
    const results = calls.map(({ call_id }) => ({ type: "function_call_output", call_id, output: "print('hello')" }));
    asked.input.push(...call.output, ...results);
    return { ...seen(call, await ai.responses.create(asked)), called: calls.length };
  },
  async parse() {
    const format = zodTextFormat(z.object({ answer: z.string() }), "answer");
    const response = await ai.responses.parse({ model: MODEL, input: "Answer in JSON.", text: { format } });
    return { ...seen(response), text: response.output_parsed.answer };
  },
});
