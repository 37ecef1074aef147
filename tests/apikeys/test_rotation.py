"""POST /api/api-keys/{id}/rotate."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apikeys import auth, keys
from apikeys.errors import InvalidApiKey
from apikeys.models import ApiKey
from core.errors import Conflict


def test_rotation_replaces_the_key(signed_in: APIClient, key: ApiKey, text: str) -> None:
    response = signed_in.post(f"/api/api-keys/{key.pk}/rotate")
    assert response.status_code == 200
    rotated = response.json()
    assert rotated["id"] == str(key.pk)
    assert rotated["key"].startswith(rotated["prefix"])
    assert auth.verify(rotated["key"]) == key
    with pytest.raises(InvalidApiKey):
        auth.verify(text)


def test_of_two_rotations_one_wins(key: ApiKey) -> None:
    read_before = ApiKey.objects.get()
    text = keys.rotate(key)
    with pytest.raises(Conflict):
        keys.rotate(read_before)
    assert auth.verify(text) == key


def test_with_an_overlap_both_are_good_for_a_while(
    signed_in: APIClient, key: ApiKey, text: str
) -> None:
    rotated = rotate(signed_in, key, overlap_seconds=60).json()["key"]
    assert auth.verify(text) == auth.verify(rotated) == key

    ApiKey.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    assert auth.verify(rotated) == key
    with pytest.raises(InvalidApiKey):
        auth.verify(text)


def test_only_the_last_two_are_good(key: ApiKey, text: str) -> None:
    second = keys.rotate(key, overlap=timedelta(days=1))
    third = keys.rotate(key, overlap=timedelta(days=1))
    assert auth.verify(second) == auth.verify(third) == key
    with pytest.raises(InvalidApiKey):
        auth.verify(text)


def test_a_rotation_without_overlap_ends_the_one_before(key: ApiKey, text: str) -> None:
    keys.rotate(key, overlap=timedelta(days=1))
    keys.rotate(key)
    with pytest.raises(InvalidApiKey):
        auth.verify(text)


def test_revoking_ends_both(key: ApiKey, text: str) -> None:
    rotated = keys.rotate(key, overlap=timedelta(days=1))
    keys.revoke(key)
    for each in (text, rotated):
        with pytest.raises(InvalidApiKey):
            auth.verify(each)


@pytest.mark.parametrize("overlap", [-1, 8 * 86_400, "long", None, 10**30])
def test_an_invalid_overlap_is_refused(
    signed_in: APIClient, key: ApiKey, text: str, overlap: Any
) -> None:
    response = rotate(signed_in, key, overlap_seconds=overlap)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "overlap_seconds")
    assert auth.verify(text) == key


def rotate(api: APIClient, key: ApiKey, **body: Any) -> Any:
    return api.post(f"/api/api-keys/{key.pk}/rotate", body, format="json")
