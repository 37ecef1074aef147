import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as vscode from "vscode";
import type { HttpClient } from "../../src/api/httpClient.ts";
import type { ChatModel } from "../../src/chat/catalog.ts";
import { ModelList } from "../../src/chat/modelList.ts";
import { ChatProvider } from "../../src/chat/provider.ts";
import type { Usage } from "../../src/chat/wire.ts";
import { eventually, lastAtUpstream, newUser, receiptsOf, script } from "./product.ts";

const user = vscode.LanguageModelChatMessageRole.User;
const assistant = vscode.LanguageModelChatMessageRole.Assistant;
const token = new vscode.CancellationTokenSource().token;

type Content = vscode.LanguageModelInputPart[];

class Chat {
  readonly client: HttpClient;
  readonly provider: ChatProvider;
  readonly model: ChatModel;
  readonly messages: vscode.LanguageModelChatRequestMessage[] = [];

  constructor(client: HttpClient, provider: ChatProvider, model: ChatModel) {
    this.client = client;
    this.provider = provider;
    this.model = model;
  }

  /** Say something, and return the parts of the answer, which is added to the conversation. */
  async say(
    content: Content | string,
    tools: vscode.LanguageModelChatTool[] = [],
    cancellation: vscode.CancellationToken = token,
    onPart: () => void = () => undefined,
  ): Promise<vscode.LanguageModelResponsePart[]> {
    const parts: vscode.LanguageModelResponsePart[] = [];
    const said = typeof content === "string" ? [new vscode.LanguageModelTextPart(content)] : content;
    this.messages.push({ role: user, name: undefined, content: said });
    await this.provider.provideLanguageModelChatResponse(
      this.model,
      this.messages,
      { tools, toolMode: vscode.LanguageModelChatToolMode.Auto },
      {
        report: (part) => {
          parts.push(part);
          onPart();
        },
      },
      cancellation,
    );
    this.messages.push({ role: assistant, name: undefined, content: parts });
    return parts;
  }
}

async function newChat(): Promise<Chat> {
  const client = await newUser();
  const provider = new ChatProvider({
    client,
    log: { info: () => undefined, warn: () => undefined },
    showError: () => undefined,
    models: new ModelList(client),
    signIn: async () => undefined,
  });
  const models = await provider.provideLanguageModelChatInformation({ silent: true }, token);
  const model = models.find(({ id }) => id === "openai/gpt-5-mini");
  assert.ok(model);
  return new Chat(client, provider, model);
}

function usageIn(parts: vscode.LanguageModelResponsePart[]): Usage {
  const part = parts.find((one) => one instanceof vscode.LanguageModelDataPart && one.mimeType === "usage");
  assert.ok(part instanceof vscode.LanguageModelDataPart);
  return JSON.parse(new TextDecoder().decode(part.data));
}

function callsIn(parts: vscode.LanguageModelResponsePart[]): vscode.LanguageModelToolCallPart[] {
  return parts.filter((part) => part instanceof vscode.LanguageModelToolCallPart);
}

function textIn(parts: vscode.LanguageModelResponsePart[]): string {
  return parts.map((part) => (part instanceof vscode.LanguageModelTextPart ? part.value : "")).join("");
}

const resultOf = (call: vscode.LanguageModelToolCallPart | undefined, ...content: unknown[]): Content => [
  new vscode.LanguageModelToolResultPart(call?.callId ?? "", content),
];

const readFile = {
  name: "read_file",
  description: "Reads a file.",
  inputSchema: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
};

describe("the models", () => {
  it("are those of the plan, with its longest output", async () => {
    const { model, client } = await newChat();
    const { limits } = await client.me();
    assert.equal(model.maxOutputTokens, limits.max_output_tokens);
    assert.deepEqual(model.capabilities, { toolCalling: true, imageInput: true });
  });
});

describe("a chat", () => {
  it("streams, and is charged what it reports", async () => {
    const chat = await newChat();
    const parts = await chat.say("Hello! [[n=20]]");
    assert.ok(parts.length > 5);
    const usage = usageIn(parts);
    const [receipt] = await receiptsOf(chat.client);
    assert.equal(receipt?.prompt_tokens, usage.prompt_tokens);
    assert.equal(receipt?.completion_tokens, usage.completion_tokens);
    assert.equal((await chat.client.balance()).used, receipt?.charged);
    assert.equal(receipt?.charged, usage.total_tokens);
  });

  it("does a task in several turns with tools, whose results are texts, nothing, and an image", async () => {
    const chat = await newChat();
    const steps = ["a", "b", "c"].map((path) => ({ tool: "read_file", arguments: { path } }));
    const first = await chat.say(`Read them. ${script(...steps, { text: "Done." })}`, [readFile]);
    assert.deepEqual(callsIn(first)[0]?.input, { path: "a" });
    const second = await chat.say(
      resultOf(
        callsIn(first)[0],
        new vscode.LanguageModelTextPart("one"),
        new vscode.LanguageModelTextPart("!"),
      ),
      [readFile],
    );
    const third = await chat.say(resultOf(callsIn(second)[0]), [readFile]);
    const image = new vscode.LanguageModelDataPart(new Uint8Array(600), "image/png");
    const last = await chat.say(resultOf(callsIn(third)[0], image), [readFile]);
    assert.equal(textIn(last), "Done.");
    const ids = [first, second, third].flatMap(callsIn).map(({ callId }) => callId);
    assert.equal(new Set(ids).size, 3);
    const receipts = await receiptsOf(chat.client);
    const reported = [first, second, third, last].map((parts) => usageIn(parts).total_tokens);
    assert.deepEqual(receipts.map(({ charged }) => charged).toReversed(), reported);
    assert.equal(new Set(receipts.map(({ task }) => task)).size, 1);
    assert.equal(receipts[0]?.session, chat.client.windowSession);
  });

  it("sends parallel calls back with their results", async () => {
    const chat = await newChat();
    const calls = ["x", "y"].map((id) => new vscode.LanguageModelToolCallPart(id, "read_file", { path: id }));
    chat.messages.push(
      { role: user, name: undefined, content: [new vscode.LanguageModelTextPart("Read both.")] },
      { role: assistant, name: undefined, content: calls },
    );
    const results = calls.map(
      ({ callId }) =>
        new vscode.LanguageModelToolResultPart(callId, [
          new vscode.LanguageModelTextPart(`It is ${callId}.`),
        ]),
    );
    assert.notEqual(textIn(await chat.say(results, [readFile])), "");
  });

  it("accepts images", async () => {
    const chat = await newChat();
    const image = new vscode.LanguageModelDataPart(new Uint8Array(600), "image/png");
    const withImage = await chat.say([new vscode.LanguageModelTextPart("What is it? [[n=3]]"), image]);
    const without = await (await newChat()).say("What is it? [[n=3]]");
    // The demo upstream counts 85 tokens for an image.
    assert.equal(usageIn(withImage).prompt_tokens - usageIn(without).prompt_tokens, 85);
  });

  it("shows the reasoning, and counts it", async () => {
    const chat = await newChat();
    const parts = await chat.say("Think. [[n=3,reasoning=8]]");
    const isThinking = (part: unknown) => part?.constructor.name === "LanguageModelThinkingPart";
    assert.ok((parts as unknown[]).filter(isThinking).length >= 8);
    assert.equal(usageIn(parts).completion_tokens, 11);
    await chat.say("And again. [[n=3]]");
  });

  it("that is cancelled is charged what the provider reports, and holds no tokens back", async () => {
    const chat = await newChat();
    const source = new vscode.CancellationTokenSource();
    let count = 0;
    const asked = chat.say("Write a lot. [[n=300,d=5]]", [], source.token, () => {
      count += 1;
      if (count === 10) {
        source.cancel();
      }
    });
    await assert.rejects(asked, vscode.CancellationError);
    const receipt = await eventually(async () => {
      const [newest] = await receiptsOf(chat.client);
      return newest?.settlement === "final" ? newest : undefined;
    });
    assert.equal(receipt.status, "cancelled");
    const { prompt_tokens, completion_tokens } = await lastAtUpstream();
    assert.equal(receipt.charged, prompt_tokens + completion_tokens);
    assert.equal((await chat.client.balance()).reserved, 0);
  });
});

describe("a chat that is refused", () => {
  it("without tokens tells how many are needed, and where to get more", async () => {
    const chat = await newChat();
    const { available } = await chat.client.balance();
    const spent = { model: "own", prompt_tokens: available, completion_tokens: 0 };
    await chat.client.consume(spent, crypto.randomUUID());
    await assert.rejects(chat.say("Hello!"), {
      code: "Blocked",
      message: /^This request needs \d+ tokens; 0 are available\. .*\/billing\//,
    });
  });

  it("over a limit tells when to send it again", async () => {
    const chat = await newChat();
    const { limits } = await chat.client.me();
    for (let sent = 0; sent < limits.requests_per_minute; sent++) {
      await chat.client
        .stream("/api/llm/chat/completions", {
          model: chat.model.id,
          max_tokens: 1,
          messages: [{ role: "user", content: "[[n=1]]" }],
        })
        .then((response) => response.text());
    }
    await assert.rejects(chat.say("Hello!"), {
      code: "Blocked",
      message: /^The limit on requests per minute is reached\. Try again in \d+ s/,
    });
  });

  it("because its answer broke off tells what was charged", async () => {
    const chat = await newChat();
    await assert.rejects(chat.say("Hello! [[n=20,fault=cut,after=5]]"), {
      message: /^The model's provider failed\. 5 tokens were charged/,
    });
  });

  it("after sign-out asks to sign in", async () => {
    const chat = await newChat();
    await chat.client.signOut();
    await assert.rejects(chat.say("Hello!"), { code: "NoPermissions" });
    assert.deepEqual(await chat.provider.provideLanguageModelChatInformation({ silent: true }, token), []);
  });
});

describe("a count of tokens", () => {
  it("is the server's own", async () => {
    const { provider, model, client } = await newChat();
    const texts = [
      "Hello, world!",
      "Größe 12 × 3 – ÄÖÜ",
      "const a = [1, 2, 3];\n\treturn a;",
      "漢字かな交じり文 🎉",
    ];
    for (const text of texts) {
      const counted = await client.countTokens(model.id, [{ role: "user", content: text }]);
      const frame = await client.countTokens(model.id, [{ role: "user", content: "" }]);
      const here = await provider.provideTokenCount(model, text, token);
      assert.ok(Math.abs(counted - frame - here) <= 1, text);
    }
  });
});
