"""Our contender: gunicorn with our configuration as in production, its callers and their tokens."""

import logging
import sys
from dataclasses import dataclass

from django.conf import settings
from django.core.management import call_command

from accounts.models import User
from apikeys import keys
from llmproxy.models import Model, Route
from tests.load.contenders import Contender
from tests.load.upstream import MODEL
from tokens import ledger
from tokens.models import Entry, Tier

_PLENTY = 2_000_000_000
_TIER = "bench"
_PROVIDER = "upstream"


@dataclass(frozen=True)
class Developer:
    user_id: int
    key: str


def contender() -> Contender:
    """Everything on: keys, ledger, usage records, logs; one worker process."""
    return Contender(
        "this proxy",
        command=lambda _, port: gunicorn(),
        env=lambda site: environment(site.upstream_url),
        path="/api/llm/chat/completions",
        headers=lambda site: [{"Authorization": f"Bearer {key}"} for key in site.keys],
    )


def gunicorn() -> list[str]:
    return [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.asgi:application"]


def environment(upstream_url: str) -> dict[str, str]:
    """Return the variables of a production server; its PORT is added by whoever starts it."""
    # A production server refuses to start on the embedded servers, which this names.
    return {
        "EMBEDDED_SERVERS": "",
        "DATABASE_URL": f"{settings.DATABASE_URL}&application_name=bench",
        "REDIS_URL": settings.REDIS_URL.replace("db=0", "db=1"),
        "DEBUG": "false",
        "SECRET_KEY": settings.SECRET_KEY,
        "IDP_OIDC_PRIVATE_KEY": settings.IDP_OIDC_PRIVATE_KEY,
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "false",  # The load comes as from behind a proxy that ends TLS.
        "WEB_CONCURRENCY": "1",
        "UPSTREAM_BASE_URL": upstream_url,
        "UPSTREAM_API_KEY": "any",
        "UPSTREAM_NAME": _PROVIDER,
        "LOG_LEVEL": "INFO",
    }


def prepare() -> None:
    """Migrate, and put the model into the catalog."""
    logging.disable(logging.WARNING)
    call_command("migrate", verbosity=0)
    serve(MODEL)


def serve(name: str, *, provider: str = _PROVIDER) -> None:
    """Put a model into the catalog, served by the upstream, or by another provider."""
    model, _ = Model.objects.get_or_create(name=name)
    Route.objects.get_or_create(
        model=model, provider=provider, defaults={"upstream_name": model.name}
    )


def developers(count: int) -> list[Developer]:
    """Return so many users, with a key each and more tokens than a run can burn."""
    Tier.objects.update_or_create(name=_TIER, defaults={"title": "Bench", **_LIMITS})
    return [_developer(f"bench{number}@example.com") for number in range(count)]


_LIMITS = {
    "monthly_tokens": _PLENTY,
    "requests_per_minute": _PLENTY,
    "tokens_per_minute": _PLENTY * 1000,
    "concurrent_requests": _PLENTY,
}


def _developer(email: str) -> Developer:
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    balance = ledger.open_account(user.pk)
    balance.tier_id = _TIER
    balance.save(update_fields=["tier"])
    source = f"bench:{user.pk}"
    ledger.grant(user_id=user.pk, amount=_PLENTY, source=source, kind=Entry.Kind.ALLOWANCE)
    user.api_keys.all().delete()
    _, key = keys.create(user=user, name="bench")
    return Developer(user.pk, key)
