"""Who may do what: docs/permissions.md is what the views say, and what every route really does."""

import re
from datetime import UTC, datetime

import orjson
import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from pytest_django import Settings

from accounts.models import Session, User
from accounts.sessions import session_pairs
from adminpanel.access import roles
from apikeys import keys
from config import access
from tests.factories import UserFactory
from tests.tokens.accounts import account
from tests.tokens.usage import used
from tokens import ledger

# The answers of those who guard the doors. Whoever gets another one has come in.
DOORS = {
    "not_authenticated",
    "invalid_token",
    "token_revoked",
    "invalid_api_key",
    "permission_denied",
    "key_scope",
}
Header = dict[str, str]


def bearer(credential: str) -> Header:
    return {"Authorization": f"Bearer {credential}"}


def credential_of(caller: str) -> Header:
    """Make somebody who calls as one of ``access.CALLERS``."""
    if caller == "anonymous":
        return {}
    user: User = UserFactory.create(is_staff=caller in ("staff", *roles.ROLES))
    if caller in access.KEYS:
        return bearer(keys.create(user=user, name="key", scopes=[access.KEYS[caller]])[1])
    if caller in roles.ROLES:
        user.groups.add(Group.objects.get(name=caller))
    origin = Session.Origin.DEVICE if caller == "app" else Session.Origin.PASSWORD
    header = bearer(session_pairs.issue(user, origin=origin).access)
    if caller == "suspended":  # and not by suspending, which ends the session besides
        User.objects.filter(pk=user.pk).update(is_active=False)
    return header


def meets_with(client: Client, route: access.Route, header: Header) -> str:
    """Call with a body that no view can read: whoever comes in changes nothing."""
    json = "application/json"
    answer = client.generic(route.method, route.sample, b"{", content_type=json, headers=header)
    is_refused = answer.status_code in (401, 403) and answer.json()["error"]["code"] in DOORS
    return str(answer.status_code) if is_refused else "yes"


def test_who_is_turned_away_reads_so_in_the_document() -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]

    untold = [
        (str(route), caller, answer)
        for route in access.routes()
        for caller, answer in access.allowed(route).items()
        if answer not in ("yes", *document["paths"][route.path][route.method.lower()]["responses"])
    ]

    assert untold == []


@pytest.mark.django_db(transaction=True)
def test_every_route_is_open_to_whom_the_page_says(client: Client) -> None:
    callers = {caller: credential_of(caller) for caller in access.CALLERS}

    wrong = [
        (str(route), caller, told, met)
        for route in access.routes()
        for caller, told in access.allowed(route).items()
        if (met := meets_with(client, route, callers[caller])) != told
    ]

    assert wrong == []


def test_the_page_is_what_the_views_say(settings: Settings) -> None:
    page = (settings.BASE_DIR / "docs/permissions.md").read_text()

    assert page == access.table(), "run: manage.py list_permissions --write"


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["nobody", "user", "staff in no group"])
def test_the_staffs_site_is_for_staff(client: Client, who: str) -> None:
    if who != "nobody":
        client.force_login(UserFactory.create(is_staff=who != "user"))

    answers = [client.get("/admin/accounts/user/"), client.get("/admin/tokens/balance/")]

    assert {answer.status_code for answer in answers} == {302 if who == "nobody" else 403}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "page",
    [
        "/accounts/",
        "/accounts/email/",
        "/accounts/devices/",
        "/accounts/password/change/",
        "/accounts/password/set/",
        "/accounts/3rdparty/",
        "/accounts/reauthenticate/",
        "/portal/",
        "/portal/usage/",
        "/portal/keys/",
        "/portal/plan/",
        "/portal/tokens/",
        "/portal/devices/",
        "/portal/security/",
        "/portal/profile/",
        "/portal/profile/delete/",
        "/portal/profile/export.json",
        "/identity/o/authorize",
        "/identity/o/device",
    ],
)
def test_pages_that_are_closed_to_strangers(client: Client, page: str) -> None:
    answer = client.get(page)

    assert answer.status_code in (302, 400)  # 400: there is no such editor
    if answer.status_code == 302:
        assert answer.headers["Location"].startswith("/accounts/login/")


@pytest.mark.django_db
def test_what_takes_no_session_at_all(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "scrape-me"
    header = bearer(
        session_pairs.issue(UserFactory.create(is_staff=True, is_superuser=True)).access
    )

    assert client.get("/metrics", headers=header).status_code == 404
    assert client.get("/metrics", headers=bearer("scrape-me")).status_code == 200
    assert client.get("/identity/o/api/userinfo", headers=header).status_code in (401, 403)
    assert client.post("/api/stripe/webhook/", headers=header).status_code in (400, 503)


OBJECTS = [
    ("GET", "api-keys/{key}", None),
    ("PUT", "api-keys/{key}", {"name": "mine now"}),
    ("PATCH", "api-keys/{key}", {"name": "mine now"}),
    ("DELETE", "api-keys/{key}", None),
    ("POST", "api-keys/{key}/rotate", {}),
    ("DELETE", "users/sessions/{session}", None),
    ("DELETE", "users/oauth-accounts/{linked}", None),
    ("GET", "tokens/usage/{receipt}", None),
    ("POST", "tokens/consume", {"model": "m", "prompt_tokens": 1, "completion_tokens": 1}),
]


NOBODYS = ("/api/llm/models/", "/api/admin/")  # the catalog; staff act on others by their role


def test_no_route_to_an_object_is_left_out() -> None:
    def shape(path: str) -> str:
        return re.sub(r"\{[^}]*\}", "{}", path)

    routes = {
        (route.method, shape(route.path))
        for route in access.routes()
        if "{" in route.path and not route.path.startswith(NOBODYS)
    }

    assert routes <= {(method, f"/api/{shape(path)}") for method, path, _ in OBJECTS}
    assert len(routes) > 7


@pytest.fixture
def hers(db: None) -> dict[str, str]:
    """What a user has: the ids of one object of each kind."""
    ada = account(1000)
    used(ada, at=datetime(2026, 3, 1, tzinfo=UTC), request_id="her-receipt")
    return {
        "key": str(keys.create(user=ada, name="hers")[0].pk),
        "session": str(session_pairs.verify(session_pairs.issue(ada).access).session_id),
        "linked": str(SocialAccount.objects.create(user=ada, provider="github", uid="1").pk),
        "receipt": "her-receipt",
        "reservation": str(ledger.reserve(user_id=ada.pk, amount=10, ttl=60).id),
    }


@pytest.mark.parametrize("staff", [False, True], ids=["user", "superuser"])
@pytest.mark.parametrize(("method", "path", "body"), OBJECTS)
def test_objects_of_others_are_not_there(
    client: Client,
    hers: dict[str, str],
    method: str,
    path: str,
    body: dict[str, object] | None,
    staff: bool,
) -> None:
    stranger = UserFactory.create(is_staff=staff, is_superuser=staff)
    header = bearer(session_pairs.issue(stranger).access)
    if path == "tokens/consume":
        body = {**(body or {}), "reservation": hers["reservation"]}
    called = f"/api/{path.format(**hers)}"

    answer = client.generic(
        method, called, orjson.dumps(body), content_type="application/json", headers=header
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
