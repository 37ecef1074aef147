/** A real HTTP server, as the far end of the wire: tests say what it answers, and see what it was asked. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export type Answer = (asked: Asked, response: ServerResponse) => void | Promise<void>;

export class FakeServer {
  readonly asked: Asked[] = [];
  readonly #server: Server;
  #answer: Answer = json(404, {});

  constructor() {
    this.#server = createServer(async (request, response) => {
      let body = "";
      for await (const part of request) {
        body += part;
      }
      const { method = "", url: path = "", headers } = request;
      const asked = { method, path, headers, body };
      this.asked.push(asked);
      await this.#answer(asked, response);
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Answer every request so; with several answers, each is used once, and the last one always. */
  answer(...answers: [Answer, ...Answer[]]): void {
    this.asked.length = 0;
    this.#answer = (asked, response) => {
      const next = answers.length > 1 ? answers.shift() : answers[0];
      return next?.(asked, response);
    };
  }
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (_, response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
  };
}

/** The server's error shape. */
export function refusal(status: number, code: string, facts: object = {}, headers = {}): Answer {
  const error = {
    type: "error",
    code,
    message: `Refused: ${code}.`,
    param: null,
    retryable: false,
    ...facts,
  };
  return json(status, { error }, headers);
}
