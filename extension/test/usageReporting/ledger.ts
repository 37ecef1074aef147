/** A server that charges reports as `POST /api/tokens/consume` does, and a client of it. */

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { errorOfResponse, TokengateError } from "../../src/api/errors.ts";
import type { Consumed, ConsumeRequest, Receipt } from "../../src/api/generated/index.ts";

export interface Refusal {
  readonly status: number;
  readonly error: Record<string, unknown>;
  readonly headers?: Record<string, string>;
}

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
}

/** Returns a refusal, or `lost` to charge the report but lose the answer, or undefined to charge it. */
export type Behavior = (id: string, attempt: number) => Refusal | "lost" | undefined;

export class Ledger {
  /** How many tokens each report was charged. */
  readonly charges = new Map<string, number>();
  /** How often each report was sent. */
  readonly attempts = new Map<string, number>();
  behavior: Behavior = () => undefined;
  address = "";
  readonly #server = createServer(async (request, response) => {
    const charged = this.charges.get(request.url?.split("/").at(-1) ?? "");
    const answer: Answer | "lost" =
      request.method === "POST" ? await this.#charge(request) : { body: { charged } };
    if (answer === "lost") {
      request.socket.destroy();
      return;
    }
    const status = request.method === "GET" && charged === undefined ? 404 : (answer.status ?? 200);
    response.writeHead(status, { "Content-Type": "application/json", ...answer.headers });
    response.end(JSON.stringify(answer.body));
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.address = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #charge(request: IncomingMessage): Promise<Answer | "lost"> {
    const id = String(request.headers["idempotency-key"]);
    const body = await bodyOf(request);
    const attempt = (this.attempts.get(id) ?? 0) + 1;
    this.attempts.set(id, attempt);
    const outcome = this.behavior(id, attempt);
    if (typeof outcome === "object") {
      return { ...outcome, body: { error: outcome.error } };
    }
    this.charges.set(id, this.charges.get(id) ?? body.prompt_tokens + body.completion_tokens);
    const charged = { charged: this.charges.get(id), available: 0, request_id: id };
    return outcome ?? { body: charged };
  }
}

async function bodyOf(request: IncomingMessage): Promise<ConsumeRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}

/** A client of a ledger, for an account. */
export function clientOf(address: string, account: string | undefined = "user-1") {
  async function call<T>(path: string, init: RequestInit): Promise<T> {
    const response = await fetch(address + path, init).catch((cause) => {
      throw new TokengateError("No answer.", { code: "network", status: 0, retryable: true }, { cause });
    });
    if (!response.ok) {
      throw await errorOfResponse(response);
    }
    return (await response.json()) as T;
  }
  return {
    getSession: async () =>
      account === undefined ? undefined : { id: "session-1", account: { id: account, label: account } },
    consume: (request: ConsumeRequest, key: string) =>
      call<Consumed>("/api/tokens/consume", {
        method: "POST",
        body: JSON.stringify(request),
        headers: { "Idempotency-Key": key },
      }),
    receipt: (id: string) => call<Receipt>(`/api/tokens/usage/${id}`, {}),
  };
}
