"""The text that `make run` prints when everything is running."""

import json

from devserver.supervisor.plan import Plan


def banner(plan: Plan, demo: dict[str, str]) -> str:
    site = plan.url
    key = f'-H "Authorization: Bearer {demo["api_key"]}"'
    body = {
        "model": demo["model"],
        "stream": True,
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Say hello in five words."}],
    }
    return f"""
  Site            {site}
  Portal          {site}/portal/
  Documentation   {site}/docs/
  API reference   {site}/api/docs/
  Admin           {site}/admin/   {demo["admin_email"]}   {demo["admin_password"]}
  Demo login      {demo["email"]}   {demo["password"]}
  Demo API key    {demo["api_key"]}
  Models from     {_source(plan)}
  Plans           {site}/portal/plan/   {_till(plan)}

  Stream a completion:

    curl -N {site}/api/llm/chat/completions \\
      {key} -H "Content-Type: application/json" \\
      -d '{json.dumps(body)}'

  See what it cost:

    curl {site}/api/tokens/balance {key}

  Ctrl-C stops everything.
"""


def _till(plan: Plan) -> str:
    if plan.stripe is None:
        return (
            "sold through your Stripe account" if plan.has_stripe_key else "not sold: no Stripe key"
        )
    return "pay with the test card 4242 4242 4242 4242"


def _source(plan: Plan) -> str:
    if plan.upstream is None:
        return "the providers in your environment"
    kinds = {"demo": "the demo upstream (no provider key set)", "local": "a local model"}
    return f"{kinds[plan.upstream.name]} ({plan.upstream.url})"
