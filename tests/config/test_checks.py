"""What production must not lack is a failed system check."""

import os
import secrets
import subprocess
import sys

import pytest
from pytest_django import Settings

from config.checks import (
    debug_stays_here,
    messages_reach_users,
    production_is_safe,
    something_answers_prompts,
)
from devserver import embedded
from tests.webserver import ROOT


@pytest.fixture(autouse=True)
def _safe(settings: Settings) -> None:
    settings.DEBUG = False
    settings.EMBEDDED_SERVERS = []
    settings.DATABASE_URL = "postgresql://db.example/tokengate"
    settings.REDIS_URL = "redis://redis.example"
    settings.SECRET_KEY = secrets.token_urlsafe(48)
    settings.ALLOWED_HOSTS = ["api.example.com"]
    settings.CORS_ALLOWED_ORIGINS = []
    settings.IDP_OIDC_PRIVATE_KEY = embedded.development_rsa_key()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.STRIPE_SECRET_KEY = "sk_live_" + "a1B2" * 6
    settings.STRIPE_WEBHOOK_SECRET = "whsec_" + "a1B2" * 8
    settings.STRIPE_API_BASE = "https://api.stripe.com"
    settings.USAGE_RETENTION_DAYS = 0
    settings.UPSTREAMS = {"openrouter": ("https://openrouter.ai/api/v1", "key")}


def found() -> list[str | None]:
    checks = (production_is_safe, something_answers_prompts, messages_reach_users)
    return [message.id for check in checks for message in check()]


def test_a_complete_configuration_passes_every_check() -> None:
    assert found() == []


@pytest.mark.parametrize(("days", "wrong"), [(1, True), (34, True), (35, False), (-1, True)])
def test_how_long_usage_is_kept(settings: Settings, days: int, wrong: bool) -> None:
    settings.USAGE_RETENTION_DAYS = days
    assert found() == (["tokengate.E008"] if wrong else [])


@pytest.mark.parametrize("secret", ["", "short", "x" * 60, "django-insecure-" + "abcdefghij" * 9])
def test_a_weak_secret(settings: Settings, secret: str) -> None:
    settings.SECRET_KEY = secret or "missing: set SECRET_KEY"
    assert found() == ["tokengate.E001"]


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("DEBUG", True, "tokengate.E002"),
        ("ALLOWED_HOSTS", [], "tokengate.E003"),
        ("ALLOWED_HOSTS", ["*"], "tokengate.E003"),
        ("ALLOWED_HOSTS", [".example.com"], "tokengate.E009"),
        ("EMBEDDED_SERVERS", ["DATABASE_URL"], "tokengate.E004"),
        ("EMBEDDED_SERVERS", ["REDIS_URL"], "tokengate.E004"),
        ("CORS_ALLOWED_ORIGINS", ["*"], "tokengate.E005"),
        ("IDP_OIDC_PRIVATE_KEY", "", "tokengate.E006"),
        ("IDP_OIDC_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----", "tokengate.E006"),
        ("STRIPE_SECRET_KEY", "pk_live_" + "a1B2" * 6, "tokengate.E007"),
        ("STRIPE_SECRET_KEY", "", "tokengate.E007"),
        ("STRIPE_WEBHOOK_SECRET", "", "tokengate.E007"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_short", "tokengate.E007"),
        ("STRIPE_API_BASE", "http://api.stripe.com", "tokengate.E007"),
        ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend", "tokengate.W002"),
        ("UPSTREAMS", {}, "tokengate.W001"),
    ],
)
def test_each_lack_has_its_id(settings: Settings, name: str, value: object, check: str) -> None:
    setattr(settings, name, value)

    assert found() == [check]


def test_the_web_server_refuses_to_start_without_a_secret() -> None:
    environment = {"DATABASE_URL": "postgresql://x/x", "REDIS_URL": "redis://x", "CI": "true"}

    ended = subprocess.run(
        [sys.executable, "-c", "import config.asgi"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "tokengate.E001" in ended.stderr


@pytest.mark.parametrize(
    ("host", "allowed", "wrong"),
    [
        ("127.0.0.1", [".localhost", "127.0.0.1", "[::1]"], False),
        ("127.0.0.2", [], False),
        ("localhost", ["demo.localhost"], False),
        ("0.0.0.0", [], True),
        ("::", [], True),
        ("10.0.0.1", [], True),
        ("127.0.0.1", ["*"], True),
        ("127.0.0.1", ["api.example.com"], True),
        ("127.0.0.1", ["localhost.example.com"], True),
        ("127.0.0.1", [".example.com"], True),
    ],
)
def test_debug_is_for_this_machine_only(
    settings: Settings, host: str, allowed: list[str], wrong: bool
) -> None:
    settings.HOST, settings.ALLOWED_HOSTS = host, allowed
    assert [each.id for each in debug_stays_here()] == (["tokengate.E010"] if wrong else [])


@pytest.mark.parametrize("unsafe", [{"ALLOWED_HOSTS": "api.example.com"}, {"HOST": "0.0.0.0"}])
def test_a_public_server_does_not_start_with_debug(unsafe: dict[str, str]) -> None:
    asked = [sys.executable, "-c", "import config.asgi"]
    known = {**os.environ, "DEBUG": "true", "CI": "true", **unsafe}
    started = subprocess.run(
        asked, cwd=ROOT, env=known, capture_output=True, text=True, check=False
    )
    assert started.returncode == 1
    assert "tokengate.E010" in started.stderr
