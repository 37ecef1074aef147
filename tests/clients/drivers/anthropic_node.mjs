// Anthropic's SDK for Node: messages, its helper of streams, its tool runner, counting.

import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { z } from "zod";
import { MODEL, play } from "./asking.mjs";

const claude = new Anthropic({ baseURL: process.env.ROOT_URL, apiKey: process.env.KEY, maxRetries: 0 });
const ask = (content) => ({ model: MODEL, max_tokens: 500, messages: [{ role: "user", content }] });
const SAY = "Say something. [[n=25]]";
const seen = (...messages) => ({
  text: messages.at(-1).content.map((block) => block.text ?? "").join(""),
  tokens: messages.reduce((sum, { usage }) => sum + usage.input_tokens + usage.output_tokens, 0),
});

await play({
  async plain() {
    return seen(await claude.messages.create(ask(SAY)));
  },
  async stream() {
    let text = "";
    const answer = claude.messages.stream(ask(SAY)).on("text", (piece) => (text += piece));
    const whole = seen(await answer.finalMessage());
    return text === whole.text ? whole : { failed: "texts differ" };
  },
  async tools() {
    let called = 0;
    const read_file = betaZodTool({
      name: "read_file",
      description: "Reads a file.",
      inputSchema: z.object({ path: z.string() }),
      run: () => {
        called += 1;
        return "print('hello')";
      },
    });
    const messages = [];
    const asked = ask("Read the file a.py. [[tool=read_file]]");
    for await (const message of claude.beta.messages.toolRunner({ ...asked, tools: [read_file] })) messages.push(message);
    return { ...seen(...messages), called };
  },
  async count() {
    const { messages } = ask("word ".repeat(100));
    const { input_tokens: counted } = await claude.messages.countTokens({ model: MODEL, messages });
    return { text: "counted", tokens: 0, counted };
  },
});
