"""A plan says how many keys a user may have."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from apikeys import keys
from apikeys.errors import TooManyKeys
from apikeys.models import ApiKey
from tests.factories import UserFactory
from tokens.ledger import open_account
from tokens.models import Tier


def allow(user: User, number: int) -> None:
    Tier.objects.filter(pk=open_account(user.pk).tier_id).update(api_keys=number)


def test_a_key_beyond_the_plans_number_is_refused(signed_in: APIClient, user: User) -> None:
    allow(user, 1)
    assert signed_in.post("/api/api-keys", {"name": "a"}, format="json").status_code == 201

    refused = signed_in.post("/api/api-keys", {"name": "b"}, format="json")
    assert (refused.status_code, refused.json()["error"]["limit"]) == (409, 1)


def test_revoked_ones_do_not_count(user: User) -> None:
    allow(user, 1)
    key, _ = keys.create(user=user, name="a")
    keys.revoke(key)
    keys.create(user=user, name="b")


@pytest.mark.parametrize("method", ["put", "patch"])
def test_an_expired_one_lives_again_only_where_there_is_room(
    signed_in: APIClient, user: User, method: str
) -> None:
    allow(user, 1)
    expired, _ = keys.create(user=user, name="a")
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    key, _ = keys.create(user=user, name="b")
    save, path = getattr(signed_in, method), f"/api/api-keys/{expired.pk}"

    refused = save(path, {"name": "a", "expires_at": None}, format="json")
    assert (refused.status_code, refused.json()["error"]["limit"]) == (409, 1)

    keys.revoke(key)
    assert save(path, {"name": "a", "expires_at": None}, format="json").status_code == 200
    # One that lives takes no more room than it has.
    assert save(path, {"name": "c", "expires_at": None}, format="json").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_as_many_as_allowed() -> None:
    user = UserFactory.create()
    allow(user, 3)

    def create(number: int) -> bool:
        try:
            keys.create(user=user, name=str(number))
        except TooManyKeys:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(8))) == 3
