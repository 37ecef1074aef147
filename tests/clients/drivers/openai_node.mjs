// The `openai` package for Node, as an extension would use it.

import OpenAI from "openai";
import { BASE_URL, EMBEDDER, KEYS, MODEL, PIXEL, play, refused } from "./asking.mjs";

const client = (apiKey) => new OpenAI({ baseURL: BASE_URL, apiKey, maxRetries: 0 });
const ai = client(KEYS.rich);
const say = (content, more = {}) => ({ model: MODEL, messages: [{ role: "user", content }], ...more });
const tools = [
  {
    type: "function",
    function: {
      name: "read_file",
      parameters: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
    },
  },
];
const why = (error) => ({ status: error.status, code: error.code });

await play({
  async plain() {
    const answer = await ai.chat.completions.create(say("Say something. [[n=25]]"));
    return { text: answer.choices[0].message.content, tokens: answer.usage.total_tokens };
  },
  async stream() {
    const asked = say("Say something. [[n=25]]", { stream: true, stream_options: { include_usage: true } });
    let text = "";
    let tokens = 0;
    for await (const chunk of await ai.chat.completions.create(asked)) {
      text += chunk.choices[0]?.delta?.content ?? "";
      tokens = chunk.usage?.total_tokens ?? tokens;
    }
    return { text, tokens };
  },
  async tools() {
    const asked = say("Read the file. [[tool=read_file]]", { tools });
    const call = await ai.chat.completions.create(asked);
    const message = call.choices[0].message;
    const { id, function: called } = message.tool_calls[0];
    asked.messages.push(message, { role: "tool", tool_call_id: id, content: "print('hello')" });
    const answer = await ai.chat.completions.create(asked);
    return {
      text: answer.choices[0].message.content,
      tool: called.name,
      path: typeof JSON.parse(called.arguments).path,
      tokens: call.usage.total_tokens + answer.usage.total_tokens,
    };
  },
  async image() {
    const content = [
      { type: "text", text: "What is this? [[n=9]]" },
      { type: "image_url", image_url: { url: PIXEL } },
    ];
    const answer = await ai.chat.completions.create(say(content));
    return { text: answer.choices[0].message.content, tokens: answer.usage.total_tokens };
  },
  async json() {
    const asked = say("Answer in JSON.", { response_format: { type: "json_object" } });
    const answer = await ai.chat.completions.create(asked);
    const { answer: text } = JSON.parse(answer.choices[0].message.content);
    return { text, tokens: answer.usage.total_tokens };
  },
  async embeddings() {
    const answer = await ai.embeddings.create({ model: EMBEDDER, input: ["one", "two"] });
    return { vectors: answer.data.length, tokens: answer.usage.total_tokens };
  },
  async models() {
    const listed = [];
    for await (const model of ai.models.list()) listed.push(model.id);
    return { models: listed, tokens: 0 };
  },
  async cancelled() {
    const stream = await ai.chat.completions.create(say("Say a lot. [[n=200,d=20]]", { stream: true }));
    for await (const _ of stream) break;
    stream.controller.abort();
    return {};
  },
  unauthorized: () => refused(() => client(KEYS.wrong).chat.completions.create(say("hi")), why),
  insufficient: () => refused(() => client(KEYS.poor).chat.completions.create(say("hi")), why),
  async limited() {
    const one = client(KEYS.limited);
    await one.chat.completions.create(say("hi [[n=1]]"));
    return refused(() => one.chat.completions.create(say("hi")), why);
  },
});
