"""Sign-ins and changes of how an account is signed in to: stored, shown, and forgotten in time."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import security_log, tasks
from accounts.flows import deletion, passwords
from accounts.models import SecurityEvent, User
from accounts.sessions import session_pairs
from apikeys import keys
from core.http.client import network_of
from tests.accounts.signing_in import post
from tests.adminpanel.site import signed_in as staff_signed_in
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


def of(user: User) -> list[tuple[str, str]]:
    return list(
        SecurityEvent.objects.filter(user=user).order_by("pk").values_list("event", "detail")
    )


def enter(user: User, password: str = PASSWORD) -> Client:
    client = Client(headers={"user-agent": FIREFOX}, REMOTE_ADDR="203.0.113.77")
    client.post("/accounts/login/", {"login": user.email, "password": password})
    return client


def test_a_sign_in_has_program_and_network_but_no_address(user: User) -> None:
    enter(user, "wrong")
    enter(user)
    assert of(user) == [("login_failed", ""), ("browser_signed_in", "")]
    event = SecurityEvent.objects.filter(user=user).latest("pk")
    assert (event.agent, event.network) == ("Firefox on Linux", "203.0.113.0/24")


def test_sign_ins_by_the_api_and_of_editors(api: APIClient, user: User) -> None:
    post(api, "auth/login", email=user.email, password=PASSWORD, device_name="laptop")
    session_pairs.issue(user, name="Visual Studio Code", origin="oauth")
    assert [event for event, _ in of(user)] == ["session_began", "session_began"]
    assert of(user)[1] == ("session_began", "Visual Studio Code")


def test_keys(user: User) -> None:
    key, _ = keys.create(user=user, name="ci")
    keys.rotate(key)
    keys.revoke(key)
    keys.revoke(key)
    assert of(user) == [("key_created", "ci"), ("key_rotated", "ci"), ("key_revoked", "ci")]


def test_what_is_undone_leaves_no_event(user: User) -> None:
    with transaction.atomic():
        keys.create(user=user, name="ci")
        transaction.set_rollback(True)
    assert of(user) == []


def test_what_the_portal_does(user: User) -> None:
    client = enter(user)
    device = session_pairs.issue(user, name="phone")
    session_id = session_pairs.verify(device.access).session_id
    client.post("/portal/devices/", {"device": str(session_id)})
    client.get("/portal/profile/export.json")
    client.post("/portal/profile/delete/", {"email": user.email, "password": "wrong"})
    assert [event for event, _ in of(user)] == [
        "browser_signed_in",
        "session_began",
        "device_signed_out",
        "data_exported",
        "deletion_asked",
        "wrong_password",
    ]
    page = client.get("/portal/security/").content.decode()
    assert "Wrong password" in page
    assert "Copy of the data downloaded" in page
    everything = client.get("/portal/security/events/").content.decode()
    assert "Signed in with a browser" in everything
    assert "203.0.113.0/24" in everything
    assert "203.0.113.77" not in everything


def test_a_new_password(user: User) -> None:
    passwords.replace(user, password="an entirely different staple")
    assert of(user) == [("password_changed", "")]


def test_pages_of_many(user: User) -> None:
    client = enter(user)
    SecurityEvent.objects.bulk_create(
        SecurityEvent(user=user, event="key_created", detail=f"n{number}") for number in range(60)
    )
    first = client.get("/portal/security/events/")
    assert len(first.context["events"]) == 50
    older = client.get("/portal/security/events/", {"before": first.context["older"]})
    assert len(older.context["events"]) == 11
    assert client.get("/portal/security/events/?before=x").status_code == 200
    assert client.get(f"/portal/security/events/?before={'9' * 40}").status_code == 200


def test_nobody_sees_events_of_others(user: User) -> None:
    other: User = UserFactory.create()
    security_log.note("key_created", user_id=other.pk, detail="theirs")
    assert "theirs" not in enter(user).get("/portal/security/events/").content.decode()
    assert Client().get("/portal/security/events/").status_code == 302


def test_a_deleted_account_keeps_only_that_it_was_deleted(user: User) -> None:
    enter(user)
    deletion.delete(user)
    assert of(user) == [("account_deleted", "")]
    event = SecurityEvent.objects.get(user=user)
    assert (event.agent, event.network) == ("", "")


def test_old_events_are_forgotten(user: User, settings: Settings) -> None:
    settings.SECURITY_EVENT_DAYS = 10
    for days in (9, 11):
        at = timezone.now() - timedelta(days=days)
        SecurityEvent.objects.create(user=user, event="key_created", created_at=at)
    tasks.forget_what_has_expired()
    assert SecurityEvent.objects.filter(user=user).count() == 1


def test_staff_read_and_cannot_write(user: User) -> None:
    enter(user, "wrong")
    support = staff_signed_in("support")
    assert user.email in support.get("/admin/accounts/securityevent/").content.decode()
    assert "login_failed" in support.get(f"/admin/accounts/user/{user.pk}/change/").content.decode()
    event = SecurityEvent.objects.get(user=user)
    page = f"/admin/accounts/securityevent/{event.pk}/"
    assert staff_signed_in("root").post(f"{page}delete/", {"post": "yes"}).status_code == 403
    assert staff_signed_in("finance").get("/admin/accounts/securityevent/").status_code == 403


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("0.0.0.0", ""),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert network_of(address) == network
