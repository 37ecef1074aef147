/**
 * A user of a running server, with the extension's own client. `TOKENGATE_URL` is the server's address,
 * `UPSTREAM_URL` that of the demo upstream which serves its models: `make test-extension-api` sets both.
 */

import { randomUUID } from "node:crypto";
import { EventEmitter, type SecretStorageChangeEvent } from "vscode";
import { errorOfResponse } from "../../src/api/errors.ts";
import type { Receipt, SignedIn } from "../../src/api/generated/index.ts";
import { HttpClient } from "../../src/api/httpClient.ts";
import { Transport } from "../../src/api/transport.ts";
import { Renewal } from "../../src/session/renewal.ts";
import { SessionStore } from "../../src/session/store.ts";
import { OAuth } from "../../src/signIn/oauth.ts";

const server = process.env["TOKENGATE_URL"] ?? "http://127.0.0.1:8000";
const upstream = process.env["UPSTREAM_URL"] ?? "http://127.0.0.1:18000";

const password = "correct horse battery staple";

/** Sign up a new user, on the free plan. */
export async function newUser(): Promise<HttpClient> {
  const { access, refresh, expires_in, user } = await register();
  const store = new SessionStore(secrets(), () => server);
  await store.set({
    id: randomUUID(),
    account: { id: String(user.id), label: user.email },
    access,
    refresh,
    expiresAt: Date.now() + expires_in * 1000,
  });
  const transport = new Transport();
  const oauth = new OAuth({ server: () => server, clientId: "vscode", transport, headers: {} });
  const renewal = new Renewal({ store, refresh: (token) => oauth.refresh(token) });
  return new HttpClient({ server: () => server, transport, store, renewal, headers: {} });
}

async function register(): Promise<SignedIn> {
  const response = await fetch(`${server}/api/auth/register`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email: `${randomUUID()}@example.com`, password }),
  });
  if (!response.ok) {
    throw await errorOfResponse(response);
  }
  return (await response.json()) as SignedIn;
}

/** The secrets of one user's editor. */
function secrets() {
  const kept = new Map<string, string>();
  const changed = new EventEmitter<SecretStorageChangeEvent>();
  return {
    onDidChange: changed.event,
    keys: async () => [...kept.keys()],
    get: async (key: string) => kept.get(key),
    store: async (key: string, value: string) => {
      kept.set(key, value);
      changed.fire({ key });
    },
    delete: async (key: string) => {
      kept.delete(key);
      changed.fire({ key });
    },
  };
}

/** The receipts of a user, the newest first. */
export async function receiptsOf(client: HttpClient): Promise<Receipt[]> {
  const { results } = await client.usage({});
  return await Promise.all(results.map(({ request_id }) => client.receipt(request_id)));
}

/** Ask again until a value is there. Fails after twenty seconds. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const value = await ask();
    if (value !== undefined) {
      return value;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("It did not happen within twenty seconds.");
}

export interface UpstreamRequest {
  readonly outcome: string;
  readonly path: string;
  readonly keys: string[];
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
}

/** The last request that the model's provider has received. */
export async function lastAtUpstream(): Promise<UpstreamRequest> {
  const response = await fetch(`${upstream}/_control/journal?last=1`);
  const { requests } = (await response.json()) as { requests: UpstreamRequest[] };
  const [last] = requests;
  if (last === undefined) {
    throw new Error("The upstream has received no request.");
  }
  return last;
}

/** A conversation's script for the demo upstream, to be put into a prompt. */
export function script(...steps: ({ tool: string; arguments: object } | { text: string })[]): string {
  return `[[script=${Buffer.from(JSON.stringify(steps)).toString("base64url")}]]`;
}
