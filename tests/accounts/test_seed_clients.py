"""`manage.py seed_clients` and what it leaves, and what is forgotten in time."""

import io
from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Client, Token
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.flows import redemption
from accounts.models import RedeemedGrant, User

SCHEMES = {"vscode", "vscode-insiders", "vscodium", "cursor", "windsurf", "code-oss"}

pytestmark = pytest.mark.django_db


def seed(*options: str) -> str:
    out = io.StringIO()
    call_command("seed_clients", *options, stdout=out)
    return out.getvalue()


def test_every_editor_gets_a_public_client(settings: Settings) -> None:
    settings.EXTENSION_ID = "acme.gate"
    seed()
    editors = Client.objects.exclude(pk="editor")
    assert {client.pk: client.get_redirect_uris() for client in editors} == {
        scheme: [f"{scheme}://acme.gate/auth/callback"] for scheme in SCHEMES
    }
    for client in Client.objects.all():
        assert client.type == Client.Type.PUBLIC
        assert not client.check_secret("!")
        assert not client.skip_consent


def test_other_editors_can_only_use_the_device_grant() -> None:
    seed()
    other = Client.objects.get(pk="editor")
    assert other.get_redirect_uris() == []
    assert Client.GrantType.AUTHORIZATION_CODE not in other.get_grant_types()
    assert Client.GrantType.DEVICE_CODE in other.get_grant_types()


def test_again() -> None:
    seed()
    assert seed() == "Nothing to do.\n"


def test_mends_what_differs() -> None:
    seed()
    Client.objects.filter(pk="cursor").update(skip_consent=True, redirect_uris="https://evil/")
    assert seed() == "Wrote: cursor\n"
    client = Client.objects.get(pk="cursor")
    assert not client.skip_consent
    assert client.get_redirect_uris() == ["cursor://tokengate.tokengate/auth/callback"]


def test_leaves_other_clients_alone() -> None:
    Client.objects.create(pk="mine", redirect_uris="https://mine.example/")
    seed()
    assert Client.objects.get(pk="mine").redirect_uris == "https://mine.example/"


def test_dry_run() -> None:
    assert seed("--dry-run").startswith("Would write: vscode, ")
    assert not Client.objects.exists()


def test_what_has_expired_is_forgotten(user: User) -> None:
    now = timezone.now()
    for name, age in (("old", timedelta(days=2)), ("new", timedelta(hours=1))):
        RedeemedGrant.objects.create(digest=name, created_at=now - age)
        Token.objects.create(
            type=Token.Type.ACCESS_TOKEN, hash=name, user=user, expires_at=now + timedelta(1) - age
        )
    redemption.forget_expired()
    assert [grant.digest for grant in RedeemedGrant.objects.all()] == ["new"]
    assert [token.hash for token in Token.objects.all()] == ["new"]
