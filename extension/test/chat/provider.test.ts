import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, describe, it } from "node:test";
import * as vscode from "vscode";
import type { ChatModel } from "../../src/chat/catalog.ts";
import { ChatProvider } from "../../src/chat/provider.ts";
import { shown } from "../vscode/stub.ts";
import { type ChatServer, refusing, startServer, streaming } from "./server.ts";
import { deltaOf, done, eventOf } from "./stream.ts";

const model: ChatModel = {
  id: "openai/gpt-5",
  name: "GPT-5",
  family: "gpt-5",
  version: "openai/gpt-5",
  maxInputTokens: 1000,
  maxOutputTokens: 100,
  capabilities: { toolCalling: true },
  isUserSelectable: true,
};
const question = [{ role: 1, name: undefined, content: [new vscode.LanguageModelTextPart("Hi")] }];
const hello = [deltaOf({ content: "Hello" }), deltaOf({}, "stop")];
const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };

let server: ChatServer;
let errorsShown: unknown[] = [];

async function chat(answers: ((response: ServerResponse) => void)[], listed: ChatModel[][] = []) {
  server = await startServer(...answers);
  errorsShown = [];
  const signIns: string[] = [];
  const provider = new ChatProvider({
    client: server.client,
    log: { info: () => undefined, warn: () => undefined },
    showError: (error) => errorsShown.push(error),
    models: {
      get: async () => listed[signIns.length] ?? [],
      onDidChange: new vscode.EventEmitter<void>().event,
    },
    signIn: async () => signIns.push("asked"),
  });
  return { provider, signIns };
}

async function ask(
  provider: ChatProvider,
  source = new vscode.CancellationTokenSource(),
  onPart: () => void = () => undefined,
): Promise<vscode.LanguageModelResponsePart[]> {
  const parts: vscode.LanguageModelResponsePart[] = [];
  const report = (part: vscode.LanguageModelResponsePart) => {
    parts.push(part);
    onPart();
  };
  const options = { toolMode: vscode.LanguageModelChatToolMode.Auto };
  await provider.provideLanguageModelChatResponse(model, question, options, { report }, source.token);
  return parts;
}

async function failure(provider: ChatProvider): Promise<vscode.LanguageModelError> {
  try {
    await ask(provider);
  } catch (error) {
    return error as vscode.LanguageModelError;
  }
  assert.fail("The request did not fail.");
}

afterEach(async () => {
  await server.close();
  shown.messages.length = 0;
  shown.commands.length = 0;
  shown.choose = undefined;
});

describe("a chat", () => {
  it("gets the text, the calls of tools and the usage of the answer", async () => {
    const call = { index: 0, id: "a", function: { name: "read", arguments: '{"path":"x"}' } };
    const events = [
      deltaOf({ content: "Let me see." }),
      deltaOf({ tool_calls: [call] }),
      deltaOf({}, "tool_calls"),
    ];
    const { provider } = await chat([streaming([...events, eventOf({ choices: [], usage }), done])]);
    const [text, toolCall, data, ...rest] = await ask(provider);
    assert.deepEqual(text, new vscode.LanguageModelTextPart("Let me see."));
    assert.deepEqual(toolCall, new vscode.LanguageModelToolCallPart("a", "read", { path: "x" }));
    assert.ok(data instanceof vscode.LanguageModelDataPart);
    assert.equal(data.mimeType, "usage");
    assert.deepEqual(JSON.parse(new TextDecoder().decode(data.data)), usage);
    assert.deepEqual(rest, []);
  });

  it("names its conversation to the server", async () => {
    const { provider } = await chat([streaming([...hello, done])]);
    await ask(provider);
    await ask(provider);
    const [first, second] = server.received.map(({ headers }) => headers["x-task-id"]);
    assert.match(String(first), /^[0-9a-f]{32}$/);
    assert.equal(first, second);
  });

  it("that is cancelled closes the connection, and is no error", async () => {
    let closed: Promise<unknown> | undefined;
    const { provider } = await chat([
      (response) => {
        closed = new Promise((resolve) => response.on("close", resolve));
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.write(deltaOf({ content: "Hel" }));
      },
    ]);
    const source = new vscode.CancellationTokenSource();
    const asked = ask(provider, source, () => source.cancel());
    await assert.rejects(asked, vscode.CancellationError);
    await closed;
    assert.deepEqual(errorsShown, []);
  });

  it("that is cancelled before it begins is not sent", async () => {
    const { provider } = await chat([streaming(hello)]);
    const source = new vscode.CancellationTokenSource();
    source.cancel();
    await assert.rejects(ask(provider, source), vscode.CancellationError);
    assert.equal(server.received.length, 0);
  });

  it("waits out a limit of a few seconds", async () => {
    const limit = { code: "concurrency_limited", message: "Too many requests.", retryable: true };
    const { provider } = await chat([
      refusing(429, limit, { "Retry-After": "0" }),
      streaming([...hello, done]),
    ]);
    assert.equal((await ask(provider)).length, 1);
    assert.equal(server.received.length, 2);
  });

  it("gives up after three waits", async () => {
    const limit = { code: "rate_limited", message: "Too many requests.", retryable: true };
    const { provider } = await chat([refusing(429, limit, { "Retry-After": "0" })]);
    assert.equal((await failure(provider)).code, "Blocked");
    assert.equal(server.received.length, 4);
  });

  it("tells that the plan ended the answer, and offers another plan", async () => {
    shown.choose = "Change plan";
    const headers = { "x-output-limit": "100", "x-output-limited-by": "plan" };
    const { provider } = await chat([streaming([deltaOf({ content: "a" }, "length"), done], headers)]);
    await ask(provider);
    assert.deepEqual(shown.messages, ["The answer ended at 100 tokens, the most that your plan allows."]);
    assert.deepEqual(shown.commands, ["tokengate.switchPlan"]);
  });

  it("does not tell of a limit that the request has set", async () => {
    const headers = { "x-output-limit": "100", "x-output-limited-by": "request" };
    const { provider } = await chat([streaming([deltaOf({ content: "a" }, "length"), done], headers)]);
    await ask(provider);
    assert.deepEqual(shown.messages, []);
  });
});

describe("a chat that is refused", () => {
  it("for lack of tokens has the link, and an action", async () => {
    const { provider } = await chat([
      refusing(402, {
        code: "insufficient_tokens",
        message: "This request needs 900 tokens; 12 are available.",
        upgrade_url: "https://tokengate.example/billing/",
        retryable: false,
      }),
    ]);
    const error = await failure(provider);
    assert.equal(error.code, "Blocked");
    assert.equal(
      error.message,
      "This request needs 900 tokens; 12 are available. (req-1) More tokens: https://tokengate.example/billing/",
    );
    assert.equal(error.stack, "", "the editor would show it");
    assert.equal(error.name, "Error", "the editor would add a stack to a LanguageModelError");
    assert.equal(errorsShown.length, 1);
  });

  it("after the session was revoked says to sign in", async () => {
    const { provider } = await chat([
      refusing(401, { code: "token_revoked", message: "The session has ended." }),
    ]);
    const error = await failure(provider);
    assert.equal(error.code, "NoPermissions");
    assert.match(error.message, /Run the command "Tokengate: Sign in"/);
    assert.equal(errorsShown.length, 1);
  });

  it("by a longer limit has the server's message, which tells the time", async () => {
    const message = "The limit on requests per minute is reached. Try again in 42 s.";
    const limit = { code: "rate_limited", message, retryable: true };
    const { provider } = await chat([refusing(429, limit, { "Retry-After": "42" })]);
    const error = await failure(provider);
    assert.equal(error.code, "Blocked");
    assert.equal(error.message, `${message} (req-1)`);
    assert.equal(server.received.length, 1);
    assert.equal(errorsShown.length, 0);
  });

  it("for an unknown model is NotFound, for another reason a plain error", async () => {
    const { provider } = await chat([
      refusing(404, { code: "model_not_found", message: "There is no such model." }),
      refusing(400, { code: "context_length_exceeded", message: "The prompt is too long." }),
    ]);
    assert.equal((await failure(provider)).code, "NotFound");
    assert.match((await failure(provider)).message, /^The prompt is too long\. \(req-1\)$/);
  });
});

describe("the list of models", () => {
  const token = new vscode.CancellationTokenSource().token;

  it("is empty without a sign-in, if the editor asks silently", async () => {
    const { provider, signIns } = await chat([], [[], [model]]);
    assert.deepEqual(await provider.provideLanguageModelChatInformation({ silent: true }, token), []);
    assert.deepEqual(signIns, []);
  });

  it("asks the user to sign in otherwise", async () => {
    const { provider, signIns } = await chat([], [[], [model]]);
    assert.deepEqual(await provider.provideLanguageModelChatInformation({ silent: false }, token), [model]);
    assert.deepEqual(signIns, ["asked"]);
  });
});

describe("a count of tokens", () => {
  it("needs no request", async () => {
    const { provider } = await chat([]);
    const token = new vscode.CancellationTokenSource().token;
    assert.equal(await provider.provideTokenCount(model, "hello world", token), 3);
    const parts = [
      new vscode.LanguageModelToolCallPart("a", "read", { path: "x" }),
      new vscode.LanguageModelToolResultPart("a", [new vscode.LanguageModelTextPart("hello")]),
      new vscode.LanguageModelDataPart(new Uint8Array(9), "image/png"),
    ];
    const message = { role: 1, name: undefined, content: parts };
    assert.ok((await provider.provideTokenCount(model, message, token)) > 1000);
    assert.equal(server.received.length, 0);
  });
});
