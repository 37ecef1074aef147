"""A site to look at: gunicorn, the fake Stripe and the demo upstream, with somebody who uses it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
from allauth.account.models import EmailAddress
from django.conf import settings
from django.utils import timezone

from accounts.models import Session, User
from accounts.sessions import session_pairs
from apikeys import keys
from billing.events.webhooks import EVENTS
from billing.pricing.plans import seed_plans, sell_at_stripe
from billing.topups.packs import seed_packs
from llmproxy.models import Incident, ProviderDay
from tests.factories import PASSWORD, RouteFactory, UserFactory
from tests.fakes.stripe_process import StripeProcess
from tests.fakes.upstream_process import UpstreamProcess
from tests.ports import free_port
from tests.webserver import WebServer, demo_settings
from tokens import ledger

MODELS = (
    "anthropic/claude-sonnet-4.5",
    "google/gemini-2.5-flash",
    "openai/gpt-5-mini",
    "qwen/qwen3-coder",
)
LONG = "Wolfeschlegelsteinhausenbergerdorff " * 4 + "🦊👩🏽‍💻"


@dataclass(frozen=True)
class Scene:
    """A running site, and who may look at it."""

    url: str
    email: str
    staff: str
    stripe: StripeProcess
    server: WebServer


@contextmanager
def scene(upstream: UpstreamProcess, stripe: StripeProcess) -> Iterator[Scene]:
    """Start the site with its data. The caller has allowed the database."""
    stripe.reset(keep_endpoints=False)
    port = free_port()
    endpoint = stripe.webhook(f"http://127.0.0.1:{port}/api/stripe/webhook/", events=EVENTS)
    stripe.deliver("ordered")
    sold = {
        "STRIPE_SECRET_KEY": stripe.api_key,
        "STRIPE_API_BASE": stripe.base_url,
        "STRIPE_WEBHOOK_SECRET": endpoint["secret"],
    }
    for name, value in sold.items():
        setattr(settings, name, value)
    seed_plans()
    seed_packs()
    sell_at_stripe()
    for model in MODELS:
        RouteFactory.create(model__name=model, model__context_length=400_000)
    _history()
    with WebServer({**demo_settings(upstream), **sold}, port=port) as server:
        staff: User = UserFactory.create(is_staff=True, is_superuser=True)
        yield Scene(server.url, _somebody(server).email, staff.email, stripe, server)


def _somebody(server: WebServer) -> User:
    """Make a user with a long name, a bonus, devices, keys and requests."""
    user: User = UserFactory.create(email="ada.lovelace@example.com", name=LONG[:150])
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    expires = timezone.now() + timedelta(days=40)
    ledger.grant(user_id=user.pk, amount=50_000, source="welcome", expires_at=expires)
    session_pairs.issue(user, name="Visual Studio Code", origin=Session.Origin.OAUTH)
    session_pairs.issue(user, name=LONG[:200], origin=Session.Origin.DEVICE)
    _, key = keys.create(user=user, name=LONG[:100], monthly_token_budget=20_000)
    headers = {"Authorization": f"Bearer {key}", "X-Session-Id": "refactoring " + "x" * 60}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as http:
        for number in range(6):
            body = {
                "model": MODELS[number % len(MODELS)],
                "messages": [{"role": "user", "content": f"[[n={40 * (number + 1)}]] hello"}],
            }
            http.post("/v1/chat/completions", json=body).raise_for_status()
    return user


def _history() -> None:
    now = timezone.now()
    for days in range(60):
        down = 200 if days == 17 else 0
        ProviderDay.objects.create(
            provider="demo", day=now.date() - timedelta(days=days), up=1400 - down, down=down
        )
    Incident.objects.create(
        title="Answers were slow",
        text="A provider was overloaded. Requests went to another one.",
        started_at=now - timedelta(days=17, hours=2),
        ended_at=now - timedelta(days=17),
    )


__all__ = ["PASSWORD", "Scene", "scene"]
