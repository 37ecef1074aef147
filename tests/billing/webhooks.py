"""Posting webhooks, signed as Stripe signs them."""

import json
from typing import Any

import stripe
from django.test import Client

BODY = json.dumps({"id": "evt_1", "object": "event", "type": "invoice.paid", "created": 1,
                   "livemode": False, "data": {"object": {"id": "in_1"}}})  # fmt: skip


def signed(body: str, secret: str, at: float) -> str:
    signature = stripe.WebhookSignature._compute_signature(f"{int(at)}.{body}", secret)
    return f"t={int(at)},v1={signature}"


def send(body: str = BODY, path: str = "/api/stripe/webhook/", **headers: str) -> Any:
    return Client().post(path, body, content_type="application/json", headers=headers)
