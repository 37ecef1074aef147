from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.flows import deletion
from accounts.models import Session, User
from accounts.sessions import session_pairs
from accounts.signals import account_deleted
from accounts.tasks import forget_what_has_expired
from apikeys import keys
from apikeys.models import ApiKey
from tests.accounts.racing import race
from tests.accounts.signing_in import (
    code,
    fresh_email,
    log_in,
    post,
    profile,
    signed_in,
    verify_address,
)
from tests.factories import PASSWORD, UserFactory
from tests.tokens.accounts import account
from tokens.models import Balance


def delete(api: APIClient, **body: Any) -> Any:
    return api.delete("/api/users/account", body, format="json")


@pytest.fixture
def dying() -> Iterator[None]:
    """A receiver that fails, after every other one has done its part."""

    def fail(**_: Any) -> None:
        raise RuntimeError("died halfway")

    account_deleted.connect(fail)
    yield
    account_deleted.disconnect(fail)


def test_deleting_an_account_ends_its_sessions_and_sign_in(api: APIClient, user: User) -> None:
    pair = signed_in(api, user)

    response = delete(api, password=PASSWORD)

    assert response.status_code == 204
    assert profile(pair.access).status_code == 401
    assert post(APIClient(), "auth/refresh", refresh=pair.refresh).status_code == 401
    assert code(log_in(APIClient(), user)) == "invalid_credentials"


def test_nothing_says_any_more_who_it_was(api: APIClient, user: User, client: Client) -> None:
    User.objects.filter(pk=user.pk).update(name="Ada", is_staff=True, is_superuser=True)
    verify_address(user)
    SocialAccount.objects.create(user=user, provider="github", uid="1", extra_data={"a": "b"})
    users = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(
        user=user,
        content_type=users,
        object_id=str(user.pk),
        object_repr=user.email,
        action_flag=CHANGE,
    )
    keys.create(user=user, name="Ada's laptop")
    signed_in(api, user)
    client.force_login(user)

    delete(api, password=PASSWORD)

    gone = User.objects.get(pk=user.pk)
    assert (gone.email, gone.name) == (f"deleted-{user.pk}@invalid", "")
    assert gone.is_deleted
    assert not gone.has_usable_password()
    assert (gone.is_active, gone.is_staff, gone.is_superuser) == (False, False, False)
    assert not EmailAddress.objects.filter(user=user).exists()
    assert not SocialAccount.objects.filter(user=user).exists()
    assert not Session.objects.filter(user=user).exists()
    assert ApiKey.objects.get(user=user).name == ""
    assert LogEntry.objects.get(object_id=user.pk).object_repr == gone.email
    assert client.get("/accounts/").status_code == 302


def test_keys_end_at_once(api: APIClient, user: User) -> None:
    row, key = keys.create(user=user, name="editor")
    signed_in(api, user)

    delete(api, password=PASSWORD)

    response = APIClient().get("/api/auth/me", headers={"X-API-Key": key})
    assert (response.status_code, code(response)) == (401, "invalid_api_key")
    row.refresh_from_db()
    assert row.revoked_at


@pytest.mark.django_db(transaction=True)
def test_the_books_keep_what_they_need() -> None:
    user = account(1000)
    deletion.delete(user)
    assert Balance.objects.get(user_id=user.pk)


def test_the_address_is_free_again(api: APIClient, user: User) -> None:
    signed_in(api, user)
    delete(api, password=PASSWORD)
    response = post(APIClient(), "auth/register", email=user.email, password=PASSWORD)
    assert response.status_code == 201
    assert response.json()["user"]["id"] != user.pk


def test_a_wrong_password(api: APIClient, user: User) -> None:
    pair = signed_in(api, user)
    wrong, none = delete(api, password="wrong"), delete(api)
    assert (wrong.status_code, code(wrong)) == (403, "wrong_password")
    assert (none.status_code, code(none)) == (403, "reauthentication_required")
    assert profile(pair.access).status_code == 200


def test_guessing_is_limited(api: APIClient, user: User, settings: Settings) -> None:
    settings.LOGIN_RATE_PER_ACCOUNT = "2/d"
    signed_in(api, user)
    statuses = [delete(api, password=each).status_code for each in ("a", "b", PASSWORD)]
    assert statuses == [403, 403, 429]


def test_without_a_password_one_must_have_signed_in_lately(api: APIClient, db: None) -> None:
    user = User.objects.create_user(fresh_email())
    signed_in(api, user)
    Session.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    late = delete(api, password="anything")
    assert (late.status_code, code(late)) == (403, "reauthentication_required")

    signed_in(api, user)
    assert delete(api).status_code == 204


def test_a_stranger_and_a_key_cannot(api: APIClient, user: User) -> None:
    assert code(delete(api, password=PASSWORD)) == "not_authenticated"
    _, key = keys.create(user=user, name="editor")
    api.credentials(HTTP_X_API_KEY=key)
    assert code(delete(api, password=PASSWORD)) == "key_scope"


def test_the_second_time_does_nothing(user: User) -> None:
    deletion.delete(user)
    first = User.objects.filter(pk=user.pk).values().get()
    deletion.delete(user)
    assert User.objects.filter(pk=user.pk).values().get() == first


@pytest.mark.django_db(transaction=True)
def test_eight_at_once() -> None:
    user = UserFactory.create(email=fresh_email())
    keys.create(user=user, name="editor")
    pair = session_pairs.issue(user)
    heard: list[int] = []

    def hear(*, user: User, **_: Any) -> None:
        heard.append(user.pk)

    account_deleted.connect(hear)
    try:
        statuses = Counter(
            race(
                lambda: (
                    delete(
                        APIClient(headers={"Authorization": f"Bearer {pair.access}"}),
                        password=PASSWORD,
                    ).status_code
                )
            )
        )
    finally:
        account_deleted.disconnect(hear)

    assert statuses[204] >= 1
    assert set(statuses) <= {204, 401}  # 401: the account was gone before the request got in
    assert heard == [user.pk]


@pytest.mark.django_db(transaction=True)
def test_dying_halfway_is_as_if_nothing_had_been_done(dying: None) -> None:
    user = UserFactory.create(email=fresh_email())
    _, key = keys.create(user=user, name="editor")
    pair = session_pairs.issue(user)
    api = APIClient(
        raise_request_exception=False, headers={"Authorization": f"Bearer {pair.access}"}
    )

    assert delete(api, password=PASSWORD).status_code == 500

    assert profile(pair.access).status_code == 200
    assert APIClient().get("/api/auth/me", headers={"X-API-Key": key}).status_code == 200
    assert log_in(APIClient(), user).status_code == 200


def test_an_account_that_an_older_version_deleted_is_marked(db: None) -> None:
    """A process of the version before knows only the address of a deleted account."""
    gone, here = UserFactory.create(email="deleted-7@invalid"), UserFactory.create()

    forget_what_has_expired()

    gone.refresh_from_db()
    here.refresh_from_db()
    assert (gone.is_deleted, here.is_deleted) == (True, False)
