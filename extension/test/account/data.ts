/** What the server says of an account. */
import type { Balance, Me, UsageRecord, UsageSum } from "../../src/api/generated/index.ts";

export function balance(changes: Partial<Balance> = {}): Balance {
  return {
    allocated: 100_000,
    used: 1_234,
    reserved: 0,
    bonus: 0,
    available: 98_766,
    period_start: "2026-11-12T00:00:00Z",
    period_end: "2026-12-12T00:00:00Z",
    plan: "free",
    ...changes,
  };
}

export function me(changes: Partial<Balance> = {}): Me {
  return {
    user: { id: 7, email: "ada@example.com", name: "Ada", date_joined: "2026-11-01T00:00:00Z" },
    plan: { name: "free", title: "Free", monthly_tokens: 100_000 },
    balance: balance(changes),
    limits: {
      requests_per_minute: 10,
      tokens_per_minute: 20_000,
      concurrent_requests: 2,
      max_output_tokens: 4_096,
      allowed_models: ["*"],
      api_keys: 1,
    },
  };
}

export function sum(group: string, charged: number): UsageSum {
  return {
    group,
    charged,
    requests: 2,
    prompt_tokens: charged,
    completion_tokens: 0,
    cached_tokens: 0,
    reasoning_tokens: 0,
    cache_write_tokens: 0,
    cost: null,
  };
}

export function record(changes: Partial<UsageRecord> = {}): UsageRecord {
  return {
    id: "reservation-1",
    request_id: "req-1",
    api_key: null,
    endpoint: "chat/completions",
    streamed: true,
    model: "openai/gpt-5",
    provider: "openrouter",
    status: "ok",
    source: "reported",
    settlement: "final",
    prompt_tokens: 1_000,
    completion_tokens: 234,
    cached_tokens: 0,
    reasoning_tokens: 0,
    cache_write_tokens: 0,
    surplus_tokens: 0,
    charged: 1_234,
    duration_ms: 900,
    created_at: "2026-11-29T08:30:00Z",
    session: "",
    task: "",
    ...changes,
  };
}
