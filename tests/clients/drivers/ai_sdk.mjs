// The Vercel AI SDK with OpenRouter's provider pointed at us, as many extensions have it.

import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { APICallError, embedMany, generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { BASE_URL, EMBEDDER, KEYS, MODEL, PIXEL, play, refused } from "./asking.mjs";

const provider = (apiKey) => createOpenRouter({ baseURL: BASE_URL, apiKey });
const rich = provider(KEYS.rich);
// Without this the provider takes it for granted that a stream ends with its usage.
const model = rich.chat(MODEL, { usage: { include: true } });
const ask = (apiKey) => generateText({ model: provider(apiKey).chat(MODEL), prompt: "hi [[n=1]]", maxRetries: 0 });
const why = (error) => ({
  status: error.statusCode,
  code: APICallError.isInstance(error) ? JSON.parse(error.responseBody).error.code : undefined,
});

await play({
  async plain() {
    const { text, usage } = await generateText({ model, prompt: "Say something. [[n=25]]" });
    return { text, tokens: usage.totalTokens };
  },
  async stream() {
    const answer = streamText({ model, prompt: "Say something. [[n=25]]" });
    let text = "";
    for await (const part of answer.textStream) text += part;
    return { text, tokens: (await answer.usage).totalTokens };
  },
  async tools() {
    let path;
    const read_file = tool({
      description: "Reads a file.",
      inputSchema: z.object({ path: z.string() }),
      execute: async (given) => {
        path = typeof given.path;
        return "print('hello')";
      },
    });
    const answer = await generateText({
      model,
      prompt: "Read the file. [[tool=read_file]]",
      tools: { read_file },
      stopWhen: stepCountIs(2),
    });
    const called = answer.steps[0].toolCalls[0].toolName;
    const tokens = answer.steps.reduce((sum, step) => sum + step.usage.totalTokens, 0);
    return { text: answer.text, tool: called, path, tokens };
  },
  async image() {
    const content = [
      { type: "text", text: "What is this? [[n=9]]" },
      { type: "image", image: PIXEL },
    ];
    const { text, usage } = await generateText({ model, messages: [{ role: "user", content }] });
    return { text, tokens: usage.totalTokens };
  },
  async json() {
    const schema = z.object({ answer: z.string() });
    const prompt = "Answer in JSON.";
    const { output, usage } = await generateText({ model, prompt, output: Output.object({ schema }) });
    return { text: output.answer, tokens: usage.totalTokens };
  },
  async embeddings() {
    const values = ["one", "two"];
    const { embeddings, usage } = await embedMany({ model: rich.textEmbeddingModel(EMBEDDER), values });
    return { vectors: embeddings.length, tokens: usage.tokens };
  },
  async cancelled() {
    const leaving = new AbortController();
    const prompt = "Say a lot. [[n=200,d=20]]";
    const answer = streamText({ model, prompt, abortSignal: leaving.signal, onError() {} });
    for await (const _ of answer.textStream) {
      leaving.abort();
      break;
    }
    return {};
  },
  unauthorized: () => refused(() => ask(KEYS.wrong), why),
  insufficient: () => refused(() => ask(KEYS.poor), why),
  async limited() {
    await ask(KEYS.limited);
    return refused(() => ask(KEYS.limited), why);
  },
});
