"""Texts of the OpenAPI document that no view has: tags, descriptions and examples."""

import json
from pathlib import Path
from typing import Any

TAGS = {
    "auth": "Creating an account, sessions, passwords and verification.",
    "users": "The caller's own account: profile, devices, linked accounts, deletion.",
    "api-keys": "API keys, which programs send instead of a session's access token.",
    "tokens": "Balance, limits, usage and receipts; reports of usage elsewhere.",
    "subscriptions": "Plans, subscriptions and invoices. Payments are made at Stripe.",
    "llm": "The proxy: OpenAI's chat completions and Responses, Anthropic's Messages, and models.",
    "staff": "For staff: users, plans, usage and revenue.",
    "health": "Whether the service works.",
}

# By method and path, where the view's docstring says nothing more than the summary.
DESCRIPTIONS = {
    "GET /api/admin/revenue": "Amounts are in the currency's smallest unit, upstream cost and "
    "margin in USD. A month is one of UTC.",
    "GET /api/admin/usage-stats": "Grouped by day, model, provider or plan. Latencies are "
    "percentiles in milliseconds.",
    "GET /api/admin/users": "Search by email and name, filter by plan and status, and order by "
    "any column.",
    "PUT /api/admin/users/{user_id}/plan": "The change is written to the audit log with its "
    "reason. It does not change a subscription at Stripe.",
    "GET /api/auth/me": "All that an editor shows, in one request.",
    "GET /api/health": "Restart the process if this does not answer. It asks no other service.",
    "GET /api/health/ready": "Asks the database, Redis and the worker, and compares the "
    "migrations. The answer names the part that fails.",
    "POST /api/llm/chat/completions": "OpenAI's API; other fields are passed to the provider. "
    "With `stream`, server-sent events.",
    "POST /api/llm/completions": "OpenAI's legacy API, for completions of code. Other fields are "
    "passed to the provider.",
    "GET /api/llm/credits": "Tokens, not USD: `total_credits` is what the period has, "
    "`total_usage` what was used.",
    "POST /api/llm/embeddings": "OpenAI's API; other fields are passed to the provider.",
    "GET /api/llm/generation": "`id` is the `x-request-id` of an answer, or the id of the answer.",
    "GET /api/llm/key": "The budget and the limits of the key that asks.",
    "POST /api/llm/messages": "Anthropic's API; other fields are passed to the provider, or "
    "translated if it does not speak Messages.",
    "POST /api/llm/messages/count_tokens": "Anthropic's API. The count is an estimate of ours.",
    "GET /api/llm/models": "In OpenAI's shape with OpenRouter's fields; with the header "
    "`anthropic-version` in Anthropic's. Limits are those of the caller's plan.",
    "GET /api/llm/models/{id}": "Short names and dated names of a model are found as well.",
    "GET /api/llm/providers": "As circuit breakers and the last hour's requests show it.",
    "POST /api/llm/responses": "OpenAI's API. Nothing is stored: `store: true` and "
    "`previous_response_id` are refused.",
    "GET /api/subscriptions/invoices": "With links to Stripe's page and PDF of each.",
    "GET /api/tokens/balance": "`available` is what a request can reserve now.",
    "GET /api/tokens/budgets": "Null if there is no budget.",
    "PATCH /api/tokens/budgets": "The most tokens that one session or one task can use. Null "
    "removes a budget.",
    "POST /api/tokens/consume": "Settles a reservation, or charges the balance directly.",
    "GET /api/tokens/limits": "Reading them does not count in any limit.",
    "POST /api/tokens/reserve": "The tokens are free again when the reservation expires.",
    "GET /api/tokens/usage": "`Accept: text/csv` returns all records of the filter as CSV.",
}

# Bodies, by the name of their schema.
EXAMPLES: dict[str, Any] = json.loads(Path(__file__).with_name("schema_examples.json").read_text())
