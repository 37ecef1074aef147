"""API keys on the pages: created, shown once with settings of tools, changed and revoked."""

import re
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from apikeys import keys, secrets
from apikeys.models import ApiKey
from llmproxy.models import Model
from portal import tools

FORM = {"name": "laptop", "scopes": ["llm", "tokens:read"], "expires_in": ""}


def created(visitor: Client, **fields: object) -> tuple[str, str]:
    """Create a key by the form; return the page's text and the key."""
    page = visitor.post("/portal/keys/new/", {**FORM, **fields})
    assert page.status_code == 200
    found = re.search(r'id="new-key">(tgk_\w+)<', page.text)
    assert found, page.text
    return page.text, found[1]


def test_a_key_is_shown_once_with_settings(visitor: Client, served: Model) -> None:
    text, key = created(visitor)
    assert text.count(key) > 5
    assert "ANTHROPIC_BASE_URL=http://testserver" in text
    assert served.name in text
    assert key not in visitor.get("/portal/keys/").text


def test_a_key_is_stored_as_a_digest_only(visitor: Client, user: User) -> None:
    _, key = created(visitor)
    assert ApiKey.objects.get(user=user).digest == secrets.digest(key)


def test_its_settings_are_those_of_the_form(visitor: Client, user: User) -> None:
    created(
        visitor,
        name="ci 🦊",
        expires_in="30",
        scopes=["tokens:read"],
        monthly_token_budget="1000",
        session_budget="50",
        task_budget="40",
        requests_per_minute="3",
        allowed_ips="203.0.113.9\n2001:db8::/32, 10.0.0.0/8",
    )
    key = ApiKey.objects.get(user=user)
    assert (key.name, key.scopes) == ("ci 🦊", ["tokens:read"])
    assert (key.monthly_token_budget, key.session_budget, key.task_budget) == (1000, 50, 40)
    assert key.requests_per_minute == 3
    assert key.allowed_ips == ["10.0.0.0/8", "2001:db8::/32", "203.0.113.9/32"]
    assert key.expires_at
    assert (key.expires_at - key.created_at).days in (29, 30)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "This field is required."),
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["everything"]}, "Select a valid choice"),
        ({"monthly_token_budget": "0"}, "greater than or equal to 1"),
        ({"session_budget": "-5"}, "greater than or equal to 1"),
        ({"task_budget": "1.5"}, "Enter a whole number."),
        ({"allowed_ips": "example.com"}, "does not appear to be an IPv4 or IPv6"),
        ({"expires_in": "99999"}, "Select a valid choice"),
        ({"name": "x" * 101}, "at most 100 characters"),
    ],
)
def test_what_the_api_refuses_the_form_refuses(
    visitor: Client, user: User, fields: dict[str, object], message: str
) -> None:
    page = visitor.post("/portal/keys/new/", {**FORM, **fields})
    assert message in page.text
    assert not ApiKey.objects.filter(user=user).exists()


def test_the_plan_limits_how_many(visitor: Client, user: User) -> None:
    for _ in range(2):
        created(visitor)
    page = visitor.post("/portal/keys/new/", FORM)
    assert 'role="alert"' in page.text
    assert ApiKey.objects.filter(user=user).count() == 2


def test_changing(visitor: Client, user: User) -> None:
    key, _ = keys.create(user=user, name="old", allowed_ips=["10.0.0.0/8"], session_budget=7)
    page = visitor.get(f"/portal/keys/{key.pk}/")
    assert "10.0.0.0/8" in page.text
    changed = {"name": "new", "scopes": ["llm"], "session_budget": "", "allowed_ips": ""}
    assert visitor.post(f"/portal/keys/{key.pk}/", changed).status_code == 302
    key.refresh_from_db()
    assert (key.name, key.scopes, key.session_budget, key.allowed_ips) == ("new", ["llm"], None, [])


def test_rotating_shows_the_new_one(visitor: Client, user: User) -> None:
    key, before = keys.create(user=user, name="k")
    page = visitor.post(f"/portal/keys/{key.pk}/rotate/", {"overlap": "3600"})
    found = re.search(r'id="new-key">(tgk_\w+)<', page.text)
    key.refresh_from_db()
    assert found
    assert key.digest == secrets.digest(found[1])
    assert key.previous_digest == secrets.digest(before)
    assert "The old key works until" in page.text


def test_revoking(visitor: Client, user: User) -> None:
    key, _ = keys.create(user=user, name="k")
    assert visitor.post(f"/portal/keys/{key.pk}/revoke/").status_code == 302
    key.refresh_from_db()
    assert key.revoked_at
    assert visitor.get(f"/portal/keys/{key.pk}/").status_code == 404
    assert "Revoked and expired keys" in visitor.get("/portal/keys/").text


@pytest.mark.parametrize("what", ["", "rotate/", "revoke/"])
def test_somebody_elses_key_is_none(visitor: Client, what: str) -> None:
    key, _ = keys.create(user=User.objects.create_user("other@example.com"), name="k")
    for key_id in (key.pk, uuid4()):
        assert visitor.post(f"/portal/keys/{key_id}/{what}").status_code == 404
    key.refresh_from_db()
    assert key.revoked_at is None


@pytest.mark.parametrize("what", ["rotate/", "revoke/"])
def test_a_link_changes_nothing(visitor: Client, user: User, what: str) -> None:
    key, _ = keys.create(user=user, name="k")
    assert visitor.get(f"/portal/keys/{key.pk}/{what}").status_code == 405


def test_the_settings_of_every_tool_name_site_key_and_model() -> None:
    found = tools.settings_for(site="https://x.example", key="tgk_1", model="a/b", name='Ac"me: AI')
    assert len(found) == 9
    for tool in found:
        assert "tgk_1" in tool.text, tool.name
        assert "https://x.example" in tool.text, tool.name
        assert "a/b" in tool.text, tool.name
