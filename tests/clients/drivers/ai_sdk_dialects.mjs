// The Vercel AI SDK's own providers: OpenAI's, which asks by Responses, and Anthropic's.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { MODEL, play } from "./asking.mjs";

const settings = { baseURL: `${process.env.ROOT_URL}/v1`, apiKey: process.env.KEY };
const MODELS = { responses: createOpenAI(settings)(MODEL), messages: createAnthropic(settings)(MODEL) };
const SAY = "Say something. [[n=25]]";
const total = (usages) => usages.reduce((sum, usage) => sum + usage.inputTokens + usage.outputTokens, 0);

const scenarios = (name, model) => ({
  async [`plain ${name}`]() {
    const { text, usage } = await generateText({ model, prompt: SAY, maxRetries: 0 });
    return { text, tokens: total([usage]) };
  },
  async [`stream ${name}`]() {
    const answer = streamText({ model, prompt: SAY, maxRetries: 0 });
    let text = "";
    for await (const part of answer.textStream) text += part;
    return { text, tokens: total([await answer.usage]) };
  },
  async [`tools ${name}`]() {
    let called = 0;
    const execute = async () => {
      called += 1;
      return "print('hello')";
    };
    const read_file = tool({ description: "Reads a file.", inputSchema: z.object({ path: z.string() }), execute });
    const prompt = "Read the file a.py. [[tool=read_file]]";
    const tools = { read_file };
    const answer = await generateText({ model, prompt, tools, stopWhen: stepCountIs(2), maxRetries: 0 });
    return { text: answer.text, tokens: total(answer.steps.map(({ usage }) => usage)), called };
  },
  async [`parse ${name}`]() {
    const schema = z.object({ answer: z.string() });
    const prompt = "Answer in JSON.";
    const { output, usage } = await generateText({ model, prompt, output: Output.object({ schema }), maxRetries: 0 });
    return { text: output.answer, tokens: total([usage]) };
  },
});

await play({ ...scenarios("responses", MODELS.responses), ...scenarios("messages", MODELS.messages) });
