/** A server that answers requests of chats as the proxy does, and a client of it. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { errorOfResponse } from "../../src/api/errors.ts";

export interface Received {
  headers: IncomingMessage["headers"];
  body: Record<string, unknown>;
}

export interface ChatServer {
  readonly received: Received[];
  readonly client: {
    readonly windowSession: string;
    stream(
      path: string,
      body: unknown,
      options?: { signal?: AbortSignal | undefined; headers?: Readonly<Record<string, string>> | undefined },
    ): Promise<Response>;
  };
  close(): Promise<void>;
}

/** Each request is answered by the next of these functions; the last one answers all that follow. */
export async function startServer(...answers: ((response: ServerResponse) => void)[]): Promise<ChatServer> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    received.push({ headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) });
    const answer = answers[Math.min(received.length, answers.length) - 1];
    answer?.(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    received,
    client: {
      windowSession: "window-1",
      async stream(path, body, options) {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, {
          method: "POST",
          body: JSON.stringify(body),
          headers: { "Content-Type": "application/json", ...options?.headers },
          signal: options?.signal ?? null,
        });
        if (!response.ok) {
          throw await errorOfResponse(response);
        }
        return response;
      },
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answer with these events, and end. */
export function streaming(events: readonly string[], headers: Record<string, string> = {}) {
  return (response: ServerResponse): void => {
    response.writeHead(200, { "Content-Type": "text/event-stream", "X-Request-ID": "req-1", ...headers });
    response.end(events.join(""));
  };
}

export function refusing(
  status: number,
  error: Record<string, unknown>,
  headers: Record<string, string> = {},
) {
  return (response: ServerResponse): void => {
    response.writeHead(status, { "Content-Type": "application/json", "X-Request-ID": "req-1", ...headers });
    response.end(JSON.stringify({ error }));
  };
}
